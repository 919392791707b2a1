package lint

import (
	"go/ast"
	"go/token"
	"path"
	"slices"
	"strings"
)

// packageNames forbids names that say nothing.
func packageNames(t *Tree) (out []string) {
	vague := []string{"util", "utils", "common", "helper", "helpers", "misc", "base", "shared", "tools"}
	for _, f := range t.goFiles() {
		for _, name := range []string{strings.TrimSuffix(f.AST.Name.Name, "_test"), path.Base(f.Dir()), strings.TrimSuffix(path.Base(f.Path), ".go")} {
			if slices.Contains(vague, name) {
				out = append(out, f.at(f.AST.Name.Pos(), "%q says nothing of what is in it", name))
				break
			}
		}
	}
	return out
}

// storeWords checks that stores do not mention sequence numbers, codes and capabilities. Their
// test suite may: it looks at versions by position.
func storeWords(t *Tree) (out []string) {
	for _, f := range t.goFiles() {
		if f.Test || f.Dir() == "store/storetest" || f.Dir() != "store" && !strings.HasPrefix(f.Dir(), "store/") {
			continue
		}
		ast.Inspect(f.AST, func(n ast.Node) bool {
			sel, ok := n.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			name := sel.Sel.Name
			if x, ok := sel.X.(*ast.Ident); ok && x.Name == "imap" &&
				(strings.HasPrefix(name, "Seq") || strings.HasPrefix(name, "Code") || strings.HasPrefix(name, "Cap")) {
				out = append(out, f.at(sel.Pos(), "a store does not know of imap.%s", name))
			}
			return true
		})
	}
	return out
}

// wellKnown are methods whose meaning everybody knows from the interface that they implement.
var wellKnown = []string{"Error", "Unwrap", "Is", "As", "String", "GoString", "Format", "LogValue", "Timeout", "Temporary",
	"Read", "Write", "Close", "ReadAt", "WriteAt", "ReadFrom", "WriteTo", "ReadByte", "Seek", "Len", "Less", "Swap", "Push", "Pop",
	"MarshalText", "UnmarshalText", "MarshalJSON", "UnmarshalJSON", "MarshalBinary", "UnmarshalBinary",
	"Network", "Addr", "LocalAddr", "RemoteAddr", "SetDeadline", "SetReadDeadline", "SetWriteDeadline", "Accept"}

// documented checks that exported names have a comment, their own or that of their group. A
// declaration in the line after another one shares its comment.
func documented(t *Tree) (out []string) {
	for _, f := range t.goFiles() {
		if f.Test || f.Generated || f.AST.Name.Name == "main" {
			continue
		}
		lastLine, lastDoc := 0, false
		for _, d := range f.AST.Decls {
			doc, names := exported(d)
			pos := f.Fset.Position(d.Pos()).Line
			doc = doc || lastDoc && pos == lastLine+1
			for _, name := range names {
				if !doc {
					out = append(out, f.at(name.Pos(), "%s has no comment", name.Name))
				}
			}
			lastLine, lastDoc = f.Fset.Position(d.End()).Line, doc
		}
	}
	return out
}

// exported returns the exported names of a declaration that need its comment, and whether it has
// one.
func exported(d ast.Decl) (doc bool, names []*ast.Ident) {
	switch d := d.(type) {
	case *ast.FuncDecl:
		if d.Name.IsExported() && (d.Recv == nil || ofExported(d.Recv)) && !(d.Recv != nil && slices.Contains(wellKnown, d.Name.Name)) {
			names = append(names, d.Name)
		}
		return d.Doc != nil, names
	case *ast.GenDecl:
		for _, spec := range d.Specs {
			switch spec := spec.(type) {
			case *ast.TypeSpec:
				if spec.Name.IsExported() && spec.Doc == nil && spec.Comment == nil {
					names = append(names, spec.Name)
				}
			case *ast.ValueSpec:
				for _, name := range spec.Names {
					// Constants of one type follow from their names and the type's comment.
					if name.IsExported() && spec.Doc == nil && spec.Comment == nil && !(d.Tok == token.CONST && d.Lparen.IsValid()) {
						names = append(names, name)
					}
				}
			}
		}
		return d.Doc != nil, names
	}
	return true, nil
}

// ofExported reports whether the receiver's type is exported.
func ofExported(recv *ast.FieldList) bool {
	expr := recv.List[0].Type
	for {
		switch x := expr.(type) {
		case *ast.StarExpr:
			expr = x.X
		case *ast.IndexExpr:
			expr = x.X
		case *ast.IndexListExpr:
			expr = x.X
		case *ast.Ident:
			return x.IsExported()
		default:
			return false
		}
	}
}

// skips checks that tests are skipped only where the same condition can be made a failure: in the
// packages that look for the programs that tests drive. Leaving out the long ones with -short is
// fine.
func skips(t *Tree) (out []string) {
	for _, f := range t.goFiles() {
		if slices.Contains(skippers, f.Dir()) || reexecuted[f.Path] {
			continue
		}
		ast.Inspect(f.AST, func(n ast.Node) bool {
			if cond, ok := n.(*ast.IfStmt); ok && isShort(cond.Cond) {
				return false
			}
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			sel, ok := call.Fun.(*ast.SelectorExpr)
			if ok && (sel.Sel.Name == "Skipf" || sel.Sel.Name == "SkipNow" || sel.Sel.Name == "Skip" && isTest(sel.X)) {
				out = append(out, f.at(call.Pos(), "a test is skipped here: use servertest.Need, which can be told to fail"))
			}
			return true
		})
	}
	return out
}

var (
	skippers = []string{"internal/servertest", "internal/dovecottest", "internal/pgtest"}
	// reexecuted are tests that another test runs in a process of its own.
	reexecuted = map[string]bool{"store/storetest/faults_test.go": true}
)

// isTest reports whether a Skip is that of a test, and not of a reader.
func isTest(x ast.Expr) bool {
	id, ok := x.(*ast.Ident)
	return ok && slices.Contains([]string{"t", "b", "f", "tb"}, id.Name)
}

func isShort(e ast.Expr) bool {
	call, ok := e.(*ast.CallExpr)
	if !ok {
		return false
	}
	sel, ok := call.Fun.(*ast.SelectorExpr)
	return ok && sel.Sel.Name == "Short"
}
