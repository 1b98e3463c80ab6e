package figure

import "strings"

// Table returns rows as text in columns. The first column is aligned to the left, the others to the
// right. A row with one cell is a heading across all columns.
func Table(rows [][]string) string {
	var widths []int
	for _, row := range rows {
		if len(row) == 1 {
			continue
		}
		for i, cell := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], len([]rune(cell)))
		}
	}
	var b strings.Builder
	for _, row := range rows {
		if len(row) == 1 {
			b.WriteString(row[0] + "\n")
			continue
		}
		for i, cell := range row {
			pad := strings.Repeat(" ", widths[i]-len([]rune(cell)))
			switch {
			case i == 0:
				b.WriteString(cell + pad)
			default:
				b.WriteString("  " + pad + cell)
			}
		}
		b.WriteString("\n")
	}
	return b.String()
}

// Markdown returns rows as a Markdown table. The first row is the header. Columns with an
// index below left are aligned to the left, the others to the right.
func Markdown(rows [][]string, left int) string {
	var b strings.Builder
	for i, row := range rows {
		b.WriteString("| " + strings.Join(row, " | ") + " |\n")
		if i == 0 {
			b.WriteString("|" + strings.Repeat(" --- |", left) +
				strings.Repeat(" ---: |", len(row)-left) + "\n")
		}
	}
	return b.String()
}
