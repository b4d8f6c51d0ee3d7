// Command mutate asks whether the tests of a package would notice a slip in it: it
// changes one comparison, condition or statement at a time and runs the tests.
//
//	go run -C .ci/tools ./mutate [-check] ../.. ./shared/decide/retention ...
//
// At least 95 of 100 mutants must be noticed, and every survivor must stand in the
// package's testdata/mutants.txt with the reason why it is harmless. With -check no
// test runs: the lists must only speak of mutants that exist. All mutants are
// compiled at once, behind switches, so a mutant costs one run of the tests.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
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
	"time"
)

func main() {
	check := flag.Bool("check", false, "run nothing, only look at the lists of survivors")
	flag.Parse()
	if flag.NArg() < 2 {
		fmt.Fprintln(os.Stderr, "mutate [-check] ROOT ./PACKAGE...")
		os.Exit(2)
	}
	failed := false
	for _, pkg := range flag.Args()[1:] {
		if err := mutants(flag.Arg(0), pkg, *check); err != nil {
			fmt.Fprintf(os.Stderr, "%s: %v\n", pkg, err)
			failed = true
		}
	}
	if failed {
		os.Exit(1)
	}
}

// mutator puts switches into the sources of a package: with switch n on, one
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

// mutate writes the switched sources into temp and answers the overlay for go and
// what each switch changes.
func mutate(dir, temp string) (overlay string, names []string, err error) {
	m := &mutator{fset: token.NewFileSet()}
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		return "", nil, err
	}
	replace := map[string]string{}
	write := func(name string, text []byte) error {
		to := filepath.Join(temp, name)
		replace[filepath.Join(dir, name)] = to
		return os.WriteFile(to, text, 0o600)
	}
	pkg := ""
	for _, path := range files {
		name := filepath.Base(path)
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		m.file = name
		file, err := parser.ParseFile(m.fset, path, nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return "", nil, err
		}
		pkg = file.Name.Name
		for _, d := range file.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok {
				m.fn = fn.Name.Name
				m.children(reflect.ValueOf(fn.Body))
			}
		}
		file.Comments = slices.DeleteFunc(file.Comments, func(c *ast.CommentGroup) bool { return !strings.HasPrefix(c.List[0].Text, "//go:") })
		var out bytes.Buffer
		if err := format.Node(&out, m.fset, file); err != nil {
			return "", nil, err
		}
		if err := write(name, out.Bytes()); err != nil {
			return "", nil, err
		}
	}
	helper := "package " + pkg + `

import ("os"; "strconv")

var mutant, _ = strconv.Atoi(os.Getenv("MUTANT"))

func mutantOn(n int) bool { return n == mutant-1 }
`
	if err := write("mutant.go", []byte(helper)); err != nil {
		return "", nil, err
	}
	raw, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", nil, err
	}
	overlay = filepath.Join(temp, "overlay.json")
	return overlay, m.names, os.WriteFile(overlay, raw, 0o600)
}

// harmless are the mutants that no test can or need tell, each with the reason.
func harmless(dir string, names []string) (map[string]string, error) {
	raw, err := os.ReadFile(filepath.Join(dir, "testdata", "mutants.txt"))
	if err != nil && !os.IsNotExist(err) {
		return nil, err
	}
	reasons := map[string]string{}
	for line := range strings.Lines(string(raw)) {
		name, reason, ok := strings.Cut(strings.TrimSpace(line), " -- ")
		if !ok || strings.HasPrefix(line, "#") {
			continue
		}
		if !slices.Contains(names, name) {
			return nil, fmt.Errorf("testdata/mutants.txt: there is no mutant %q", name)
		}
		reasons[name] = reason
	}
	return reasons, nil
}

func mutants(root, pkg string, check bool) (err error) {
	dir, err := filepath.Abs(filepath.Join(root, pkg))
	if err != nil {
		return err
	}
	temp, err := os.MkdirTemp("", "mutate")
	if err != nil {
		return err
	}
	defer os.RemoveAll(temp)
	overlay, names, err := mutate(dir, temp)
	if err != nil {
		return err
	}
	reasons, err := harmless(dir, names)
	if err != nil || check {
		return err
	}
	binary := filepath.Join(temp, "mutants")
	build := exec.Command("go", "test", "-overlay", overlay, "-c", "-o", binary, ".")
	build.Dir = dir
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	limit := time.Minute
	run := func(n int) error {
		ctx, cancel := context.WithTimeout(context.Background(), limit)
		defer cancel()
		cmd := exec.CommandContext(ctx, binary, "-test.failfast", "-rapid.checks=100", "-rapid.nofailfile", "-rapid.shrinktime=0s")
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), fmt.Sprint("MUTANT=", n+1))
		return cmd.Run()
	}
	start := time.Now()
	if err := run(len(names)); err != nil {
		return fmt.Errorf("the tests fail without a mutant: %w", err)
	}
	limit = max(20*time.Second, 10*time.Since(start)) // a mutant that takes longer never ends
	start = time.Now()
	survived := make([]bool, len(names))
	work := make(chan int)
	var workers sync.WaitGroup
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
			fmt.Printf("survived: %s\n", name)
		}
	}
	fmt.Printf("%s: %d mutants, %d killed (%.1f %%), %d survived and listed, %d not listed, in %s\n", pkg,
		len(names), killed, 100*float64(killed)/float64(len(names)), len(names)-killed-unknown, unknown, time.Since(start).Round(time.Second))
	if killed*100 < len(names)*95 || unknown > 0 {
		return fmt.Errorf("%d survivors without a reason, and 95 of 100 must be killed", unknown)
	}
	return nil
}
