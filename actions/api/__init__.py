"""The only door to GitHub: a client, and what repositories, pull requests and checks are in our types."""
