// Command mutate changes one package in one place at a time and says which
// changes its tests do not notice. A change is an operator, a constant, a
// condition or a statement; the tests run on a copy, and nothing here is written.
//
//	go run -C .ci/tools ./mutate ../.. ./shared/decide/retention [FILE...]
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/format"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

func main() {
	if len(os.Args) < 3 {
		fmt.Fprintln(os.Stderr, "mutate ROOT ./PACKAGE [FILE...]")
		os.Exit(2)
	}
	root, pkg := os.Args[1], os.Args[2]
	killed, total, began := 0, 0, time.Now()
	files, err := filepath.Glob(filepath.Join(root, pkg, "*.go"))
	if err != nil {
		panic(err)
	}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") || len(os.Args) > 3 && !slices.Contains(os.Args[3:], filepath.Base(name)) {
			continue
		}
		for n := 0; ; n++ {
			text, where, ok := mutant(name, n)
			if !ok {
				break
			}
			switch verdict := try(root, pkg, name, text); verdict {
			case "does not compile":
			case "killed":
				killed, total = killed+1, total+1
			default:
				total++
				fmt.Printf("survived %s\n", where)
			}
		}
	}
	fmt.Printf("%d of %d killed (%.1f %%) in %s\n", killed, total, 100*float64(killed)/float64(max(total, 1)), time.Since(began).Round(time.Second))
}

// mutant gives the file with its nth change.
func mutant(name string, n int) (text []byte, where string, ok bool) {
	fset := token.NewFileSet()
	tree, err := parser.ParseFile(fset, name, nil, parser.ParseComments)
	if err != nil {
		panic(err)
	}
	i := 0
	change := func(pos token.Pos, what string, do func()) {
		if i == n {
			do()
			p := fset.Position(pos)
			where, ok = fmt.Sprintf("%s:%d:%d %s", filepath.Base(name), p.Line, p.Column, what), true
		}
		i++
	}
	swaps := map[token.Token]token.Token{
		token.EQL: token.NEQ, token.NEQ: token.EQL, token.LSS: token.LEQ, token.LEQ: token.LSS, token.GTR: token.GEQ, token.GEQ: token.GTR,
		token.LAND: token.LOR, token.LOR: token.LAND, token.ADD: token.SUB, token.SUB: token.ADD, token.MUL: token.QUO, token.QUO: token.MUL,
	}
	ast.Inspect(tree, func(node ast.Node) bool {
		switch x := node.(type) {
		case *ast.BinaryExpr:
			if to, known := swaps[x.Op]; known {
				change(x.OpPos, x.Op.String()+" becomes "+to.String(), func() { x.Op = to })
			}
		case *ast.UnaryExpr:
			if x.Op == token.NOT {
				change(x.OpPos, "! goes", func() {
					x.X, x.Op = &ast.ParenExpr{X: &ast.UnaryExpr{Op: token.NOT, X: &ast.ParenExpr{X: x.X}}}, token.NOT
				})
			}
		case *ast.BasicLit:
			if x.Kind == token.INT {
				change(x.Pos(), x.Value+" becomes one more", func() { x.Value = "(" + x.Value + "+1)" })
			}
		case *ast.Ident:
			if x.Name == "true" || x.Name == "false" {
				to := map[string]string{"true": "false", "false": "true"}[x.Name]
				change(x.Pos(), x.Name+" becomes "+to, func() { x.Name = to })
			}
		case *ast.IfStmt:
			change(x.Pos(), "if never", func() {
				x.Cond = &ast.BinaryExpr{X: &ast.ParenExpr{X: x.Cond}, Op: token.LAND, Y: ast.NewIdent("false")}
			})
			change(x.Pos(), "if always", func() { x.Cond = &ast.BinaryExpr{X: &ast.ParenExpr{X: x.Cond}, Op: token.LOR, Y: ast.NewIdent("true")} })
		case *ast.CaseClause:
			if len(x.Body) > 0 {
				change(x.Pos(), "case does nothing", func() { x.Body = nil })
			}
		case *ast.BlockStmt:
			for k := range x.List {
				switch x.List[k].(type) {
				case *ast.ExprStmt, *ast.AssignStmt, *ast.IncDecStmt, *ast.BranchStmt:
					change(x.List[k].Pos(), "statement goes", func() { x.List = append(append([]ast.Stmt{}, x.List[:k]...), x.List[k+1:]...) })
				}
				if ok {
					return false
				}
			}
		}
		return !ok
	})
	if !ok {
		return nil, "", false
	}
	var out bytes.Buffer
	if err := format.Node(&out, fset, tree); err != nil {
		return nil, where, true
	}
	return out.Bytes(), where, true
}

// try runs the package's tests on the changed file.
func try(root, pkg, name string, text []byte) string {
	dir, err := os.MkdirTemp("", "mutate")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	changed, overlay := filepath.Join(dir, "changed.go"), filepath.Join(dir, "overlay.json")
	absolute, err := filepath.Abs(name)
	if err != nil {
		panic(err)
	}
	list, err := json.Marshal(map[string]map[string]string{"Replace": {absolute: changed}})
	if err != nil {
		panic(err)
	}
	for file, body := range map[string][]byte{changed: text, overlay: list} {
		if err := os.WriteFile(file, body, 0o600); err != nil {
			panic(err)
		}
	}
	// A mutant may loop for ever.
	cmd := exec.Command("go", "test", "-vet=off", "-timeout=20s", "-failfast", "-overlay", overlay, pkg, "-rapid.nofailfile", "-rapid.checks=20")
	cmd.Dir = root
	said, err := cmd.CombinedOutput()
	switch {
	case err == nil:
		return "survived"
	case bytes.Contains(said, []byte("[build failed]")) || bytes.Contains(said, []byte("[setup failed]")):
		return "does not compile"
	}
	return "killed"
}
