package lint

import (
	"go/ast"
	"go/token"
	"maps"
	"slices"
	"strings"
)

// latches are read-write locks that keep something open while it is used, rather than guard
// fields: by file, with the receiver.
var latches = map[string]string{
	"store/localstore/localstore.go": "s.gate", // Close waits for those between reading and unread
	"store/localstore/index_disk.go": "d.FS",   // the Lock of a filesystem returns what releases it
}

// locks checks that a function that takes a lock also releases it, and the other way round.
func locks(t *Tree) (out []string) {
	for _, f := range t.goFiles() {
		for _, d := range f.AST.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok || fn.Body == nil {
				continue
			}
			calls := map[string]map[string]token.Pos{} // by receiver, then by method
			ast.Inspect(fn.Body, func(n ast.Node) bool {
				sel, ok := n.(*ast.SelectorExpr)
				if !ok {
					return true
				}
				switch name := strings.TrimPrefix(sel.Sel.Name, "Try"); name {
				case "Lock", "Unlock", "RLock", "RUnlock":
					recv := expr(sel.X)
					if calls[recv] == nil {
						calls[recv] = map[string]token.Pos{}
					}
					calls[recv][name] = sel.Pos()
				}
				return true
			})
			for _, recv := range slices.Sorted(maps.Keys(calls)) {
				if latches[f.Path] == recv {
					continue
				}
				for take, release := range map[string]string{"Lock": "Unlock", "RLock": "RUnlock"} {
					if pos, ok := calls[recv][take]; ok && calls[recv][release] == 0 {
						out = append(out, f.at(pos, "%s.%s without %s in %s", recv, take, release, fn.Name.Name))
					}
					if pos, ok := calls[recv][release]; ok && calls[recv][take] == 0 {
						out = append(out, f.at(pos, "%s.%s without %s in %s", recv, release, take, fn.Name.Name))
					}
				}
			}
		}
	}
	return out
}

// expr writes a selector's receiver: c.mu, s.shards[i].mu.
func expr(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return expr(e.X) + "." + e.Sel.Name
	case *ast.ParenExpr:
		return expr(e.X)
	case *ast.StarExpr:
		return expr(e.X)
	case *ast.UnaryExpr:
		return expr(e.X)
	case *ast.IndexExpr:
		return expr(e.X) + "[" + expr(e.Index) + "]"
	case *ast.CallExpr:
		return expr(e.Fun) + "()"
	}
	return "?"
}
