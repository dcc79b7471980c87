"""What happens to the lab when a process is killed, the disk refuses, the power goes, or the input is hostile."""
