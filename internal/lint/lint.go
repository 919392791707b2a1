package lint

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// Tree is the module's source.
type Tree struct {
	Files []*File
	Index map[string]bool // the sections of docs/rfc-index.tsv, by Section.Key
}

// File is a text file of the module. AST is nil unless it is Go.
type File struct {
	Path      string // slash-separated, relative to the module
	Src       []byte
	Fset      *token.FileSet
	AST       *ast.File
	Test      bool // _test.go
	Generated bool
}

// Dir is the folder of the file's package.
func (f *File) Dir() string { return path.Dir(f.Path) }

// at reports something about a place in a file.
func (f *File) at(pos token.Pos, format string, args ...any) string {
	return fmt.Sprintf("%s:%d: ", f.Path, f.Fset.Position(pos).Line) + fmt.Sprintf(format, args...)
}

// line reports something about an offset in a file.
func (f *File) line(offset int, format string, args ...any) string {
	return fmt.Sprintf("%s:%d: ", f.Path, 1+strings.Count(string(f.Src[:offset]), "\n")) + fmt.Sprintf(format, args...)
}

// Rule is something that holds everywhere. Check returns where it does not, as file:line: what.
type Rule struct {
	Name  string
	Check func(*Tree) []string
}

// Rules are all rules.
var Rules = []Rule{
	{"imports run one way", imports},
	{"drivers keep their libraries to themselves", libraries},
	{"cited RFC sections exist", citations},
	{"packages are named after what they are for", packageNames},
	{"locks are released where they are taken", locks},
	{"stores know nothing of the protocol", storeWords},
	{"exported names are documented", documented},
	{"code is formatted", formatted},
	{"nothing is left to do", unfinished},
	{"no file knows a machine", machinePaths},
	{"files can be read in one sitting", fileLength},
	{"tests are skipped by one helper", skips},
}

// text are the files that are read besides Go and the inputs of fuzz targets.
var text = []string{".md", ".imap", ".sh", ".tsv", ".toml", ".txtar", ".txt", ".eml"}

// Load reads the module in root, and those in its folders.
func Load(root string) (*Tree, error) {
	t := &Tree{Index: map[string]bool{}}
	err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, p)
		if err != nil {
			return err
		}
		if d.IsDir() {
			if strings.HasPrefix(d.Name(), ".") && rel != "." && d.Name() != ".ci" {
				return fs.SkipDir
			}
			return nil
		}
		ext := filepath.Ext(p)
		rel = filepath.ToSlash(rel)
		if ext != ".go" && !slices.Contains(text, ext) && !strings.HasPrefix(rel, ".ci/") && !strings.Contains(rel, "testdata/fuzz/") {
			return nil
		}
		src, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		return t.add(rel, src)
	})
	if err != nil {
		return nil, err
	}
	sections, err := ReadIndex(root)
	for _, s := range sections {
		t.Index[s.Key()] = true
	}
	return t, err
}

func (t *Tree) add(name string, src []byte) error {
	f := &File{Path: name, Src: src, Test: strings.HasSuffix(name, "_test.go")}
	if path.Ext(name) == ".go" && !strings.Contains(name, "testdata/") {
		f.Fset = token.NewFileSet()
		parsed, err := parser.ParseFile(f.Fset, name, src, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		f.AST, f.Generated = parsed, ast.IsGenerated(parsed)
	}
	t.Files = append(t.Files, f)
	return nil
}

// goFiles are the files with Go code.
func (t *Tree) goFiles() (out []*File) {
	for _, f := range t.Files {
		if f.AST != nil {
			out = append(out, f)
		}
	}
	return out
}
