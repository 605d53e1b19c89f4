"""Read a CSV file with Python's csv module; say its columns, its rows, and a sum over the texts of some columns."""
import csv
import hashlib
import json
import sys

path, width, chosen = sys.argv[1], int(sys.argv[2]), [int(i) for i in sys.argv[3].split(",")]
csv.field_size_limit(1 << 30)
rows = total = 0
with open(path, newline="", encoding="utf-8") as f:
    reader = csv.reader(f, strict=True)
    names = next(reader)
    for row in reader:
        if not row and width == 1:
            row = [""]  # a line that is empty is a row of one NULL
        if len(row) != width:
            sys.exit("row %d has %d fields, not %d" % (rows + 1, len(row), width))
        text = "\x1f".join(row[i] for i in chosen)
        total += int.from_bytes(hashlib.md5(text.encode()).digest()[8:], "little")
        rows += 1
json.dump({"names": names, "rows": rows, "sum": str(total)}, sys.stdout)
