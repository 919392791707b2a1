// Package output prints the results of commands, as lines and tables for people or as JSON.
package output

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"restante/cmd/restante/internal/terminal"
)

// Printer prints what a command found: lines and tables for people, or JSON for programs.
type Printer struct {
	W     io.Writer
	JSON  bool
	Label string // before each line for people
	Width int    // cells of a line when W is a terminal, else 0
}

// Printf prints a line for people; nothing with JSON, where PrintJSON has said it.
func (p *Printer) Printf(format string, args ...any) error {
	if p.JSON {
		return nil
	}
	_, err := fmt.Fprintf(p.W, "%s%s\n", p.Label, terminal.Clean(fmt.Sprintf(format, args...)))
	return err
}

// PrintJSON prints a value as a line of JSON; nothing without JSON.
func (p *Printer) PrintJSON(v any) error {
	if !p.JSON {
		return nil
	}
	var b bytes.Buffer // for one Write
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return err
	}
	_, err := p.W.Write(b.Bytes())
	return err
}

// Column is a column of a table. At most one column of a table stretches: it gets what is left of
// the line of a terminal.
type Column struct {
	Title   string
	Right   bool // aligned to the right
	Max     int  // cells on a terminal; 0: no limit
	Stretch bool
}

// Table prints rows in one piece, below the titles of the columns if heading is set. Cells are made
// safe to print. With JSON the caller prints a value for each row instead.
func (p *Printer) Table(columns []Column, heading bool, rows [][]string) error {
	if heading {
		titles := make([]string, len(columns))
		for i, c := range columns {
			titles[i] = c.Title
		}
		rows = append([][]string{titles}, rows...)
	}
	widths := make([]int, len(columns))
	for _, row := range rows {
		for i := range row {
			row[i] = terminal.Clean(row[i])
			w := terminal.Width(row[i])
			if m := columns[i].Max; m > 0 && p.Width > 0 {
				w = min(w, m)
			}
			widths[i] = max(widths[i], w)
		}
	}
	p.stretch(columns, widths)
	var b strings.Builder
	for _, row := range rows {
		line := p.Label
		for i, cell := range row {
			if p.Width > 0 {
				cell = terminal.Truncate(cell, widths[i])
			}
			if columns[i].Right {
				line += strings.Repeat(" ", max(0, widths[i]-terminal.Width(cell))) + cell + "  "
			} else {
				line += terminal.Pad(cell, widths[i]) + "  "
			}
		}
		b.WriteString(strings.TrimRight(line, " ") + "\n")
	}
	_, err := io.WriteString(p.W, b.String())
	return err
}

// leastStretch is how narrow a stretching column may get.
const leastStretch = 10

func (p *Printer) stretch(columns []Column, widths []int) {
	if p.Width == 0 {
		return
	}
	rest, at := p.Width-terminal.Width(p.Label), -1
	for i, c := range columns {
		if c.Stretch {
			at = i
			rest -= 2
			continue
		}
		rest -= widths[i] + 2
	}
	if at >= 0 {
		widths[at] = min(widths[at], max(leastStretch, rest+2))
	}
}
