"""The terminal UI: a guest of the façade that only looks and asks. The only room with Textual."""
