"""`gitops-actions new`: an app and an infra repository in the shape that is asked for, made from the examples."""
