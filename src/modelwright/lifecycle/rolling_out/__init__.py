"""Drive rollouts by what the prediction log says, and compare the versions that took part."""
