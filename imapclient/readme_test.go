package imapclient_test

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/printer"
	"go/token"
	"os"
	"path"
	"strconv"
	"strings"
	"testing"
)

// The program in README.md is whole, and is the example, which runs, but for the server.
func TestReadme(t *testing.T) {
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, program, _ := strings.Cut(string(readme), "```go\n")
	program, _, _ = strings.Cut(program, "```")
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, "README.md", program, 0)
	if err != nil {
		t.Fatal(err)
	}
	example, err := parser.ParseFile(set, "example_test.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	got := body(t, set, file, "main")
	got = strings.Replace(got, `"imaps://imap.example.org"`, "exampleServer()", 1)
	got = strings.Replace(got, ", nil)", ", plain)", 1)
	if want := body(t, set, example, "Example"); file.Name.Name != "main" || got != want {
		t.Errorf("README.md has\n%s\nthe example is\n%s", got, want)
	}
	imported := map[string]bool{}
	for _, spec := range file.Imports {
		name, _ := strconv.Unquote(spec.Path.Value)
		imported[path.Base(name)] = false
	}
	for _, name := range file.Unresolved {
		if _, ok := imported[name.Name]; ok {
			imported[name.Name] = true
		} else if name.Name != "nil" {
			t.Errorf("README.md: %s is not imported", name.Name)
		}
	}
	for name, used := range imported {
		if !used {
			t.Errorf("README.md: %s is not used", name)
		}
	}
}

// body returns the body of a function as gofmt writes it.
func body(t *testing.T, set *token.FileSet, file *ast.File, name string) string {
	t.Helper()
	for _, d := range file.Decls {
		if f, ok := d.(*ast.FuncDecl); ok && f.Name.Name == name {
			var b bytes.Buffer
			if err := printer.Fprint(&b, set, f.Body); err != nil {
				t.Fatal(err)
			}
			return strings.ReplaceAll(b.String(), "\n\n", "\n") // where comments were
		}
	}
	t.Fatalf("no function %s", name)
	return ""
}
