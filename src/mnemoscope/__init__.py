"""mnemoscope: does a score-based diffusion model memorize its training data, why, and what would stop it?"""
