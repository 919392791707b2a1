package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

// output is where a command prints what it found in one account: lines for people, each with the
// account's name when there are several, or JSON.
type output struct {
	w        io.Writer
	json     bool
	account  string
	label    string // before each line
	terminal int    // cells of a line when it is a terminal, else 0
}

// printf prints a line for people; with --json nothing, for there print has said it.
func (o *output) printf(format string, args ...any) error {
	if o.json {
		return nil
	}
	_, err := fmt.Fprintf(o.w, "%s%s\n", o.label, clean(fmt.Sprintf(format, args...)))
	return err
}

// object prints a line of JSON, when that is wanted.
func (o *output) object(v any) error {
	if !o.json {
		return nil
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return err
	}
	_, err := o.w.Write(b.Bytes())
	return err
}

// column is a column of a table. At most one column of a table stretches: it gets what is left of
// the line of a terminal.
type column struct {
	title   string
	right   bool
	max     int // cells on a terminal; 0: no limit
	stretch bool
}

// table prints rows in one piece. Cells are made safe to print.
func (o *output) table(columns []column, heading bool, rows [][]string) error {
	if heading {
		titles := make([]string, len(columns))
		for i, c := range columns {
			titles[i] = c.title
		}
		rows = append([][]string{titles}, rows...)
	}
	widths := make([]int, len(columns))
	for _, row := range rows {
		for i := range row {
			row[i] = clean(row[i])
			w := width(row[i])
			if m := columns[i].max; m > 0 && o.terminal > 0 {
				w = min(w, m)
			}
			widths[i] = max(widths[i], w)
		}
	}
	o.stretch(columns, widths)
	var b strings.Builder
	for _, row := range rows {
		line := o.label
		for i, cell := range row {
			if o.terminal > 0 {
				cell = fit(cell, widths[i])
			}
			if columns[i].right {
				line += strings.Repeat(" ", max(0, widths[i]-width(cell))) + cell + "  "
			} else {
				line += pad(cell, widths[i]) + "  "
			}
		}
		b.WriteString(strings.TrimRight(line, " ") + "\n")
	}
	_, err := io.WriteString(o.w, b.String())
	return err
}

// leastStretch is how narrow a stretching column may get.
const leastStretch = 10

func (o *output) stretch(columns []column, widths []int) {
	if o.terminal == 0 {
		return
	}
	rest, at := o.terminal-width(o.label), -1
	for i, c := range columns {
		if c.stretch {
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
