"""Evidence and findings as documents: report, model card, data profile, reviews, the story of a run."""
