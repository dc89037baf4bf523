package brokermesh_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"testing"
)

// impurities returns what makes a file depend on more than its inputs: calls of
// a clock, goroutines, channels, and, if it is to be ordered, maps' order. A range over a map is
// found by the name of what is ranged over being that of a map field or variable
// declared in the file, which is enough for the way this code is written.
func impurities(t *testing.T, file string, ordered bool) []string {
	t.Helper()
	set := token.NewFileSet()
	parsed, err := parser.ParseFile(set, file, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	report := func(n ast.Node, what string) {
		found = append(found, fmt.Sprintf("line %d: %s", set.Position(n.Pos()).Line, what))
	}
	ast.Inspect(parsed, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.GoStmt:
			report(n, "a goroutine")
		case *ast.ChanType:
			report(n, "a channel")
		case *ast.SelectorExpr:
			if pkg, ok := n.X.(*ast.Ident); ok && slices.Contains(clocks, pkg.Name+"."+n.Sel.Name) {
				report(n, pkg.Name+"."+n.Sel.Name)
			}
		case *ast.RangeStmt:
			if ordered && isMap(parsed, n.X) {
				report(n, "a range over a map")
			}
		}
		return true
	})
	return found
}

// isMap reports whether an expression names a field or variable that the file
// declares as a map.
func isMap(file *ast.File, x ast.Expr) bool {
	var name string
	switch x := x.(type) {
	case *ast.Ident:
		name = x.Name
	case *ast.SelectorExpr:
		name = x.Sel.Name
	}
	found := false
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.Field:
			if _, ok := n.Type.(*ast.MapType); ok {
				found = found || slices.ContainsFunc(n.Names, func(id *ast.Ident) bool { return id.Name == name })
			}
		case *ast.ValueSpec:
			if _, ok := n.Type.(*ast.MapType); ok {
				found = found || slices.ContainsFunc(n.Names, func(id *ast.Ident) bool { return id.Name == name })
			}
		}
		return true
	})
	return found && name != ""
}
