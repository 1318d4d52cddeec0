"""The report pack: what a coverage report looks like (`pdf`, `tables`, `picture`), its data files (`data`), the signed
manifest and the folder they stand in (`pack`).
"""
