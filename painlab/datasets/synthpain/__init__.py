"""SynthPain: rendered clips of faces in pain, whose truth is known."""
