"""An export's texts for readers such as lawyers and courts. Imports nothing of ours."""
