"""Comparison of students from their outcomes: tests, words, tables."""
