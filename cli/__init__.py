"""The command `gitops-actions`: what is done at a desk rather than in a workflow."""
