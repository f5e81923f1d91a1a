"""From a camera frame to a matte: the network, and what steadies and corrects it."""
