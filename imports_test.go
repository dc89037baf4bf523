// Package brokermesh_test holds the rules of the layout; see DESIGN.md.
package brokermesh_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/brokermesh/brokermesh/"

// layout lists every package and what it may import of this module: the arrows
// of DESIGN.md. Pure packages may import the standard library and pure packages
// of this module only, and nothing of the standard library that has a clock, a
// goroutine or the outside world in it.
var layout = map[string]struct {
	pure    bool
	checks  bool // watches a pure package: what it finds may depend on the order of a map
	imports []string
}{
	"mesh":                         {pure: true},
	"mesh/client":                  {imports: []string{"mesh"}},
	"mesh/link":                    {imports: []string{"mesh"}},
	"node/dispatch":                {pure: true, imports: []string{"mesh"}},
	"node/dispatch/sim":            {pure: true, checks: true, imports: []string{"mesh", "node/dispatch"}},
	"node/forecast":                {pure: true, imports: []string{"mesh", "node/dispatch"}},
	"node/forecast/cells":          {imports: []string{"node/forecast"}},
	"node":                         {imports: []string{"mesh", "mesh/link", "node/dispatch", "workerpool/supervise", "workerpool"}},
	"node/nodetest":                {imports: []string{"mesh", "node", "workerpool"}},
	"workerpool/supervise":         {imports: []string{"mesh", "workerpool/supervise/group", "workerpool/supervise/restart"}},
	"workerpool/supervise/group":   {},
	"workerpool/supervise/restart": {pure: true},
	"workerpool":                   {imports: []string{"mesh", "workerpool/supervise/group"}},
	"cmd/brokermesh":               {imports: []string{"mesh", "mesh/client", "node", "node/forecast", "workerpool/supervise", "workerpool"}},
	"integration":                  {},
	"integration/bench":            {imports: []string{"node", "workerpool"}},
}

// impure is what no pure package imports of the standard library.
var impure = []string{"context", "crypto/rand", "log", "log/slog", "net", "net/http", "os", "os/exec", "os/signal", "runtime", "sync", "sync/atomic", "syscall"}

// clocks are the functions of package time that no pure package calls.
var clocks = []string{"time.Now", "time.Since", "time.Until", "time.Sleep", "time.After", "time.AfterFunc", "time.Tick", "time.NewTimer", "time.NewTicker"}

func TestImportsKeepToTheLayout(t *testing.T) {
	for dir, files := range sources(t) {
		rule, known := layout[dir]
		if !known {
			t.Errorf("package %s is not in the layout; give it a place there and in DESIGN.md", dir)
			continue
		}
		for _, file := range files {
			for _, imported := range imports(t, file) {
				own, isOwn := strings.CutPrefix(imported, module)
				switch {
				case isOwn && !slices.Contains(rule.imports, own):
					t.Errorf("%s imports %s; %s may import %v of this module", file, own, dir, rule.imports)
				case !isOwn && rule.pure && strings.Contains(strings.Split(imported, "/")[0], "."):
					t.Errorf("%s imports %s; a pure package imports the standard library only", file, imported)
				case rule.pure && slices.Contains(impure, imported):
					t.Errorf("%s imports %s, which is not for pure packages", file, imported)
				}
			}
		}
	}
}

func TestPurePackagesHaveNoClockAndNoGoroutine(t *testing.T) {
	for dir, files := range sources(t) {
		rule := layout[dir]
		if !rule.pure {
			continue
		}
		for _, file := range files {
			for _, found := range impurities(t, file, !rule.checks) {
				t.Errorf("%s: %s in a pure package", file, found)
			}
		}
	}
}

// sources returns the Go files of each package directory, without tests.
func sources(t *testing.T) map[string][]string {
	t.Helper()
	found := make(map[string][]string)
	err := filepath.WalkDir(".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (strings.HasPrefix(d.Name(), ".") && name != "." || d.Name() == "testdata") {
			return filepath.SkipDir
		}
		if name = filepath.ToSlash(name); strings.HasSuffix(name, ".go") && !strings.HasSuffix(name, "_test.go") {
			found[path.Dir(name)] = append(found[path.Dir(name)], name)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(found) < len(layout)-1 { // integration has tests only
		t.Fatalf("found only %d packages", len(found))
	}
	return found
}

func imports(t *testing.T, file string) []string {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
	if err != nil {
		t.Fatal(err)
	}
	var paths []string
	for _, spec := range parsed.Imports {
		imported, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			t.Fatal(err)
		}
		paths = append(paths, imported)
	}
	return paths
}
