package client

import (
	"fmt"
	"strings"

	"github.com/k3a/html2text"
	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"

	"restante/cmd/restante/internal/terminal"
)

// htmlText turns HTML into text: tables of data become tables, what is a block stands on lines of its
// own, and links are behind their text.
func htmlText(source string) string {
	var tables []string
	if root, err := html.Parse(strings.NewReader(source)); err == nil {
		tables = prepareHTML(root, nil)
		var b strings.Builder
		if html.Render(&b, root) == nil {
			source = b.String()
		}
	}
	text := html2text.HTML2TextWithOptions(source, html2text.WithUnixLineBreaks(), html2text.WithLinksInnerText(), html2text.WithListSupport())
	for i, table := range tables {
		text = strings.Replace(text, tableMark(i), "\n"+table, 1)
	}
	return collapseBlankLines(text)
}

// tableMark stands for a table until all else is text. It is made of characters that nobody writes.
func tableMark(i int) string { return fmt.Sprintf("\ue000%d\ue001", i) }

// prepareHTML replaces the tables of data below n by marks, and returns their text behind tables; it
// puts line breaks between blocks that html2text would run together.
func prepareHTML(n *html.Node, tables []string) []string {
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		if c.DataAtom == atom.Table {
			if text := dataTable(c); text != "" {
				mark := &html.Node{Type: html.ElementNode, Data: "p", DataAtom: atom.P}
				mark.AppendChild(&html.Node{Type: html.TextNode, Data: tableMark(len(tables))})
				tables = append(tables, text)
				n.InsertBefore(mark, c)
				n.RemoveChild(c)
				c = mark
				continue
			}
		}
		tables = prepareHTML(c, tables)
	}
	var before *html.Node
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		if c.Type == html.TextNode && strings.TrimSpace(c.Data) == "" || c.Type == html.CommentNode {
			continue
		}
		switch {
		case before == nil:
		case isCell(before) && isCell(c):
			n.InsertBefore(&html.Node{Type: html.TextNode, Data: " "}, c)
		case isBlock(before) || isBlock(c):
			n.InsertBefore(&html.Node{Type: html.ElementNode, Data: "br", DataAtom: atom.Br}, c)
		}
		before = c
	}
	return tables
}

func isCell(n *html.Node) bool { return n.DataAtom == atom.Td || n.DataAtom == atom.Th }

// isBlock reports whether an element is on lines of its own, and html2text does not know it.
func isBlock(n *html.Node) bool {
	switch n.DataAtom {
	case atom.Div, atom.Table, atom.Tbody, atom.Thead, atom.Tfoot, atom.Tr, atom.Caption, atom.Section, atom.Article, atom.Header, atom.Footer,
		atom.Main, atom.Address, atom.Blockquote, atom.Center, atom.Pre, atom.Dl, atom.Dt, atom.Dd, atom.Form, atom.Fieldset, atom.Figure:
		return true
	}
	return false
}

// What a table of data has at most: above it is taken for a means of layout, of which mail is full.
const (
	maxTableCells = 10_000
	maxTableWord  = 60 // cells of the terminal
	maxTableWidth = 96
	minColumn     = 12 // to which a column is narrowed, for the others to have room
)

// dataTable returns a table as text, or "" when it is none of data: when it has another table in it,
// or not at least two rows of two cells with something in them.
func dataTable(table *html.Node) string {
	for _, a := range table.Attr {
		if a.Key == "role" && (a.Val == "presentation" || a.Val == "none") {
			return ""
		}
	}
	rows := tableRows(table, nil)
	if rows == nil {
		return ""
	}
	var widths []int
	full, cells := 0, 0
	for _, row := range rows {
		some := 0
		for i, cell := range row.cells {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			for line := range strings.Lines(cell) {
				widths[i] = max(widths[i], terminal.Width(strings.TrimRight(line, "\n")))
			}
			for word := range strings.FieldsSeq(cell) {
				if terminal.Width(word) > maxTableWord {
					return ""
				}
			}
			if cell != "" {
				some++
			}
		}
		if cells += len(row.cells); some > 1 {
			full++
		}
	}
	if full < 2 || cells > maxTableCells {
		return ""
	}
	narrow(widths)
	var b strings.Builder
	for i, row := range rows {
		writeRow(&b, row.cells, widths)
		if row.heading && (i+1 == len(rows) || !rows[i+1].heading) {
			rule := make([]string, len(widths))
			for i, w := range widths {
				rule[i] = strings.Repeat("-", w)
			}
			writeRow(&b, rule, widths)
		}
	}
	return b.String()
}

// tableRow is the text of its cells.
type tableRow struct {
	cells   []string
	heading bool // all of them are headings
}

// tableRows collects the rows of a table; nil when there is a table within.
func tableRows(n *html.Node, rows []tableRow) []tableRow {
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		switch c.DataAtom {
		case atom.Tr:
			row := tableRow{heading: true}
			for cell := c.FirstChild; cell != nil; cell = cell.NextSibling {
				if !isCell(cell) {
					continue
				}
				text, ok := cellText(cell)
				if !ok {
					return nil
				}
				row.heading = row.heading && cell.DataAtom == atom.Th
				row.cells = append(row.cells, text)
				for range span(cell) - 1 {
					row.cells = append(row.cells, "")
				}
			}
			if len(row.cells) > 0 {
				rows = append(rows, row)
			}
		case atom.Tbody, atom.Thead, atom.Tfoot:
			if rows = tableRows(c, rows); rows == nil && c.FirstChild != nil {
				return nil
			}
		}
	}
	return rows
}

// span returns over how many columns a cell goes.
func span(cell *html.Node) int {
	for _, a := range cell.Attr {
		var n int
		if a.Key == "colspan" {
			if _, err := fmt.Sscanf(a.Val, "%d", &n); err == nil && n > 0 {
				return min(n, 100)
			}
		}
	}
	return 1
}

// cellText returns the text of a cell, its lines without white space around them; false when there is a
// table in it.
func cellText(cell *html.Node) (string, bool) {
	var b strings.Builder
	nested := false
	for c := range cell.Descendants() {
		switch {
		case c.DataAtom == atom.Table:
			nested = true
		case c.Type == html.TextNode && c.Parent.DataAtom != atom.Style && c.Parent.DataAtom != atom.Script:
			b.WriteString(strings.Map(func(r rune) rune {
				if r == '\n' || r == '\r' || r == '\t' {
					return ' '
				}
				return r
			}, c.Data))
		case c.DataAtom == atom.Br || isBlock(c) || c.DataAtom == atom.P || c.DataAtom == atom.Li:
			b.WriteByte('\n')
		}
	}
	var lines []string
	for line := range strings.Lines(b.String()) {
		if line = strings.Join(strings.Fields(line), " "); line != "" {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "\n"), !nested
}

// narrow makes the widest columns narrower until the table fits.
func narrow(widths []int) {
	total := 2 * (len(widths) - 1)
	for _, w := range widths {
		total += w
	}
	for ; total > maxTableWidth; total-- {
		widest := 0
		for i, w := range widths {
			if w > widths[widest] {
				widest = i
			}
		}
		if widths[widest] <= minColumn {
			return
		}
		widths[widest]--
	}
}

// writeRow writes the cells of a row side by side, on as many lines as the longest needs.
func writeRow(b *strings.Builder, cells []string, widths []int) {
	columns := make([][]string, len(cells))
	height := 1
	for i, cell := range cells {
		columns[i] = wrap(cell, widths[i])
		height = max(height, len(columns[i]))
	}
	for y := range height {
		line := ""
		for i, lines := range columns {
			text := ""
			if y < len(lines) {
				text = lines[y]
			}
			line += terminal.Pad(text, widths[i]) + "  "
		}
		b.WriteString(strings.TrimRight(line, " ") + "\n")
	}
}

// wrap breaks the lines of a text between words; a word that is wider stays whole.
func wrap(text string, width int) (lines []string) {
	for paragraph := range strings.Lines(text) {
		line := ""
		for word := range strings.FieldsSeq(paragraph) {
			switch {
			case line == "":
				line = word
			case terminal.Width(line)+1+terminal.Width(word) <= width:
				line += " " + word
			default:
				lines = append(lines, line)
				line = word
			}
		}
		lines = append(lines, line)
	}
	return lines
}
