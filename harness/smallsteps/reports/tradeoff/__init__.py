"""What specialising gained on the target, and what it cost in generic ability."""
