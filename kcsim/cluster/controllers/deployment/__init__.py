"""The Deployment controller: rollouts as arithmetic (pure modules) and one controller that carries them out."""
