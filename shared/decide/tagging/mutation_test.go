package tagging_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/format"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// mutator puts switches into the sources of this room: with switch n on, one
// comparison, condition or statement is another one.
type mutator struct {
	fset *token.FileSet
	file string
	fn   string
	// boolean: inside a switch without a tag, whose cases are conditions
	boolean bool
	listed  bool     // the statement stands in a list, and can be left out
	names   []string // by switch: what it changes
}

func (m *mutator) add(n ast.Node, what string) ast.Expr {
	name := fmt.Sprintf("%s %s: %s", m.file, m.fn, what)
	for i := 2; slices.Contains(m.names, name); i++ {
		name = fmt.Sprintf("%s %s: %s (%d)", m.file, m.fn, what, i)
	}
	m.names = append(m.names, name)
	return &ast.CallExpr{Fun: ast.NewIdent("mutantOn"), Args: []ast.Expr{&ast.BasicLit{Kind: token.INT, Value: fmt.Sprint(len(m.names) - 1)}}}
}

func (m *mutator) text(n ast.Node) string {
	var b bytes.Buffer
	_ = format.Node(&b, m.fset, n)
	return strings.Join(strings.Fields(b.String()), " ")
}

// either is an expression that is other with the switch on.
func either(on, expr, other ast.Expr) ast.Expr {
	return &ast.CallExpr{Fun: &ast.FuncLit{
		Type: &ast.FuncType{Params: &ast.FieldList{}, Results: &ast.FieldList{List: []*ast.Field{{Type: ast.NewIdent("bool")}}}},
		Body: &ast.BlockStmt{List: []ast.Stmt{
			&ast.IfStmt{Cond: on, Body: &ast.BlockStmt{List: []ast.Stmt{&ast.ReturnStmt{Results: []ast.Expr{other}}}}},
			&ast.ReturnStmt{Results: []ast.Expr{expr}},
		}},
	}}
}

var others = map[token.Token]token.Token{
	token.EQL: token.NEQ, token.NEQ: token.EQL, token.LSS: token.LEQ, token.LEQ: token.LSS,
	token.GTR: token.GEQ, token.GEQ: token.GTR, token.LAND: token.LOR, token.LOR: token.LAND,
}

func (m *mutator) expr(e ast.Expr) ast.Expr {
	before := m.text(e)
	m.children(reflect.ValueOf(e))
	switch e := e.(type) {
	case *ast.BinaryExpr:
		if other, ok := others[e.Op]; ok {
			return either(m.add(e, before+" with "+other.String()), e, &ast.BinaryExpr{X: e.X, Op: other, Y: e.Y})
		}
	case *ast.UnaryExpr:
		if e.Op == token.NOT {
			return either(m.add(e, before+" without !"), e, e.X)
		}
	}
	return e
}

func (m *mutator) stmt(s ast.Stmt) ast.Stmt {
	before := m.text(s)
	m.children(reflect.ValueOf(s))
	switch s := s.(type) {
	case *ast.IfStmt:
		switch s.Cond.(type) {
		case *ast.Ident, *ast.CallExpr, *ast.SelectorExpr:
			if _, switched := s.Cond.(*ast.CallExpr); !switched || !strings.Contains(m.text(s.Cond), "mutantOn") {
				s.Cond = either(m.add(s, "if not "+m.text(s.Cond)), s.Cond, &ast.UnaryExpr{Op: token.NOT, X: s.Cond})
			}
		}
	case *ast.AssignStmt:
		if s.Tok != token.DEFINE {
			return &ast.IfStmt{Cond: &ast.UnaryExpr{Op: token.NOT, X: m.add(s, "without "+before)}, Body: &ast.BlockStmt{List: []ast.Stmt{s}}}
		}
	case *ast.ExprStmt, *ast.IncDecStmt, *ast.BranchStmt, *ast.DeferStmt:
		return &ast.IfStmt{Cond: &ast.UnaryExpr{Op: token.NOT, X: m.add(s, "without "+before)}, Body: &ast.BlockStmt{List: []ast.Stmt{s}}}
	}
	return s
}

var exprType, stmtType = reflect.TypeFor[ast.Expr](), reflect.TypeFor[ast.Stmt]()

// children rewrites what is inside a node, field by field.
func (m *mutator) children(v reflect.Value) {
	for v.Kind() == reflect.Interface || v.Kind() == reflect.Pointer {
		if v.IsNil() {
			return
		}
		v = v.Elem()
	}
	switch v.Kind() {
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[ast.CaseClause]() { // its conditions are looked at as they stand
			m.children(v.FieldByName("Body"))
			list := v.FieldByName("List").Interface().([]ast.Expr)
			for i := range list {
				if m.boolean {
					list[i] = m.expr(list[i])
				}
			}
			return
		}
		tagless := m.boolean
		if v.Type() == reflect.TypeFor[ast.SwitchStmt]() {
			m.boolean = v.FieldByName("Tag").IsNil()
		}
		for i := range v.NumField() {
			m.listed = false
			m.field(v.Field(i))
		}
		m.boolean = tagless
	case reflect.Slice:
		for i := range v.Len() {
			m.listed = true
			m.field(v.Index(i))
		}
	}
}

func (m *mutator) field(v reflect.Value) {
	switch {
	case v.Type() == exprType && !v.IsNil():
		v.Set(reflect.ValueOf(m.expr(v.Interface().(ast.Expr))))
	case v.Type() == stmtType && !v.IsNil():
		switch s := v.Interface().(ast.Stmt).(type) {
		case *ast.AssignStmt, *ast.IncDecStmt, *ast.ExprStmt:
			if !m.listed {
				m.children(reflect.ValueOf(s)) // the head of an if or for: it cannot be left out
				return
			}
		}
		v.Set(reflect.ValueOf(m.stmt(v.Interface().(ast.Stmt))))
	default:
		m.children(v)
	}
}

// mutate writes the switched sources into dir and answers the overlay for go and
// what each switch changes.
func mutate(t *testing.T, dir string) (overlay string, names []string) {
	m := &mutator{fset: token.NewFileSet()}
	replace := map[string]string{}
	here, err := os.Getwd()
	require.NoError(t, err)
	for _, name := range []string{"decide.go", "explain.go", "file.go", "template.go", "test.go"} {
		m.file = name
		file, err := parser.ParseFile(m.fset, name, nil, parser.ParseComments|parser.SkipObjectResolution)
		require.NoError(t, err)
		for _, d := range file.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok {
				m.fn = fn.Name.Name
				m.children(reflect.ValueOf(fn.Body))
			}
		}
		file.Comments = slices.DeleteFunc(file.Comments, func(c *ast.CommentGroup) bool { return !strings.HasPrefix(c.List[0].Text, "//go:") })
		var out bytes.Buffer
		require.NoError(t, format.Node(&out, m.fset, file))
		to := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(to, out.Bytes(), 0o600))
		replace[filepath.Join(here, name)] = to
	}
	helper := filepath.Join(dir, "mutant.go")
	require.NoError(t, os.WriteFile(helper, []byte(`package tagging

import ("os"; "strconv")

var mutant, _ = strconv.Atoi(os.Getenv("MUTANT"))

func mutantOn(n int) bool { return n == mutant-1 }
`), 0o600))
	replace[filepath.Join(here, "mutant.go")] = helper
	raw, err := json.Marshal(map[string]any{"Replace": replace})
	require.NoError(t, err)
	overlay = filepath.Join(dir, "overlay.json")
	require.NoError(t, os.WriteFile(overlay, raw, 0o600))
	return overlay, m.names
}

// harmless are the mutants that no test can or need tell, each with the reason.
func harmless(t *testing.T) map[string]string {
	raw, err := os.ReadFile("testdata/mutants.txt")
	require.NoError(t, err)
	reasons := map[string]string{}
	for line := range strings.Lines(string(raw)) {
		if name, reason, ok := strings.Cut(strings.TrimSpace(line), " -- "); ok && !strings.HasPrefix(line, "#") {
			reasons[name] = reason
		}
	}
	return reasons
}

// TestMutants asks whether the other tests would notice a slip in this room. With
// MUTATION=1 every mutant is run, which takes minutes: at least nine of ten must be
// noticed, and every survivor must stand in testdata/mutants.txt with the reason
// why it is harmless. Always, that list must speak of mutants that exist.
func TestMutants(t *testing.T) {
	if os.Getenv("MUTANT") != "" {
		return // this is one of them
	}
	overlay, names := mutate(t, t.TempDir())
	reasons := harmless(t)
	for name := range reasons {
		require.Contains(t, names, name, "testdata/mutants.txt")
	}
	if os.Getenv("MUTATION") == "" {
		t.Logf("%d mutants; MUTATION=1 runs them", len(names))
		return
	}
	binary := filepath.Join(t.TempDir(), "mutants")
	out, err := exec.CommandContext(t.Context(), "go", "test", "-overlay", overlay, "-c", "-o", binary, ".").CombinedOutput()
	require.NoError(t, err, string(out))
	survived := make([]bool, len(names))
	work := make(chan int)
	var workers sync.WaitGroup
	run := func(n int) error {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		cmd := exec.CommandContext(ctx, binary, "-test.failfast", "-rapid.checks=100", "-rapid.nofailfile", "-rapid.shrinktime=0s")
		cmd.Env = append(os.Environ(), fmt.Sprint("MUTANT=", n+1))
		return cmd.Run()
	}
	require.NoError(t, run(len(names)), "without a mutant the tests pass")
	start := time.Now()
	for range 2 {
		workers.Go(func() {
			for n := range work {
				survived[n] = run(n) == nil
			}
		})
	}
	for n := range names {
		work <- n
	}
	close(work)
	workers.Wait()
	killed, unknown := 0, 0
	for n, name := range names {
		switch {
		case !survived[n]:
			killed++
		case reasons[name] == "":
			unknown++
			t.Logf("survived: %s", name)
		}
	}
	t.Logf("%d mutants, %d killed (%.1f %%), %d survived and listed, %d not listed, in %s",
		len(names), killed, 100*float64(killed)/float64(len(names)), len(names)-killed-unknown, unknown, time.Since(start).Round(time.Second))
	require.GreaterOrEqual(t, killed*10, len(names)*9)
	require.Zero(t, unknown, "survivors without a reason")
}
