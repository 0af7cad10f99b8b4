"""Reports: from plain data to one self-contained HTML file and one Markdown file, verdict first."""
