package config

import (
	"fmt"
	"reflect"
	"strings"

	"github.com/spf13/cobra"
)

// NewHelp is a page of the manual: 'restante help config'.
func NewHelp() *cobra.Command {
	return &cobra.Command{
		Use:   "config",
		Short: "The configuration file",
		Long: `The configuration file is in TOML. Client commands read the file that --config
names, else the one that $` + PathVariable + ` names, else
` + DefaultPath() + `; the server reads the one that --config names.
All of it may be left out but the url of an account; an unknown key is an error. These
are all keys, each with what it means and what holds without it:

` + reference(),
	}
}

// reference describes every key by the tags of the fields, as a file that could be loaded.
func reference() string {
	var b strings.Builder
	writeTable(&b, "", reflect.TypeFor[File]())
	return strings.Trim(b.String(), "\n")
}

// writeTable writes the keys of a table, and the tables in it behind them.
func writeTable(b *strings.Builder, name string, table reflect.Type) {
	type inner struct {
		name string
		reflect.StructField
	}
	var tables []inner
	for i := range table.NumField() {
		f := table.Field(i)
		key := f.Tag.Get("toml")
		full := strings.TrimPrefix(name+"."+key, ".")
		switch {
		case key == "-":
		case f.Type.Kind() == reflect.Map:
			f.Type = f.Type.Elem()
			tables = append(tables, inner{full + ".NAME", f})
		case f.Type.Kind() == reflect.Struct:
			tables = append(tables, inner{full, f})
		case f.Type.Kind() == reflect.Slice && f.Type.Elem().Kind() == reflect.Struct:
			f.Type = f.Type.Elem()
			tables = append(tables, inner{"[" + full + "]", f})
		default:
			writeKey(b, key, f)
		}
	}
	for _, t := range tables {
		fmt.Fprintf(b, "\n  [%s]\n%s", t.name, comment(t.Tag.Get("doc")))
		writeTable(b, t.name, t.Type)
	}
}

func writeKey(b *strings.Builder, key string, f reflect.StructField) {
	doc, value := f.Tag.Get("doc"), f.Tag.Get("default")
	if value != "" {
		doc += "; default: " + value
	}
	if example, ok := f.Tag.Lookup("example"); ok {
		value = example
	}
	if f.Type.Kind() == reflect.String || f.Type == reflect.TypeFor[Duration]() {
		value = fmt.Sprintf("%q", value)
	}
	fmt.Fprintf(b, "\n%s  %s = %s\n", comment(doc), key, value)
}

// comment wraps a text as lines of a comment.
func comment(text string) string {
	const width = 84
	var b strings.Builder
	line := "  #"
	for word := range strings.FieldsSeq(text) {
		if len(line)+1+len(word) > width {
			b.WriteString(line + "\n")
			line = "  #"
		}
		line += " " + word
	}
	b.WriteString(line + "\n")
	return b.String()
}
