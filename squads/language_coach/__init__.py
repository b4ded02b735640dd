"""The language coach: phrases that blame someone, or say what would have happened, and a question to ask instead."""
