"""Where samples come from: tasks, splits, BioVid, any manifest, and SynthPain."""
