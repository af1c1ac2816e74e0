"""Storage: vfolders, the folders that users keep their data in."""
