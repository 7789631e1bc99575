"""What sessions over videos share: frames by number, objects and their prompts, files of saved sessions, and writing videos."""
