// Package conformance measures how far the local cloud is the provider's: every
// operation, parameter, error and limit that the provider documents is tried with
// the provider's own clients, unmodified, and becomes a row that says passed, not
// emulated, or doubtful with the switch that chooses.
//
// The clients in Go run with every test. Those in JavaScript need Node, and one in Go a
// module of its own: they run when CONFORMANCE=1 is set, as make conformance does, which
// prints all rows too. It
// holds tests only and refuses to judge by reading: a row that no call has shown is
// not emulated.
package conformance_test

import (
	"bytes"
	"cmp"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"text/tabwriter"

	"github.com/stretchr/testify/require"

	"vodcurator/shared/localcloud/fakevod"
)

const (
	passed   = "passed"
	missing  = "not emulated"
	doubtful = "doubtful"
)

// key names a row: which service and operation, and what of it.
type key struct{ service, operation, kind, name string }

// verdict is what came of a row: who showed it, or why it is not emulated.
type verdict struct{ verdict, note, by, why string }

// dossier collects rows. A row that was only announced is not emulated.
type dossier map[key]verdict

// announce adds a documented row, unless it is there.
func (d dossier) announce(service, operation, kind, name, note string) {
	k := key{service, operation, kind, name}
	if _, there := d[k]; !there {
		d[k] = verdict{verdict: missing, note: note}
	}
}

func (d dossier) pass(service, operation, kind, name string) {
	k := key{service, operation, kind, name}
	d[k] = verdict{verdict: passed, note: d[k].note, by: d[k].by}
}

var kinds = []string{"operation", "parameter", "error", "limit", "form", "doubt"}

func (d dossier) sorted() []key {
	return slices.SortedFunc(maps.Keys(d), func(a, b key) int {
		return cmp.Or(cmp.Compare(slices.Index(services, a.service), slices.Index(services, b.service)), strings.Compare(a.operation, b.operation),
			cmp.Compare(slices.Index(kinds, a.kind), slices.Index(kinds, b.kind)), strings.Compare(a.name, b.name))
	})
}

// services in the order of the table.
var services = []string{"VOD", "STS", "MNS", "OSS", "FC", "Node", "Go"}

// table is the whole dossier, and a line of counts for each service.
func (d dossier) table() string {
	var out bytes.Buffer
	w := tabwriter.NewWriter(&out, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, "SERVICE\tOPERATION\tKIND\tWHAT\tVERDICT\tBY OR WHY NOT")
	for _, k := range d.sorted() {
		v := d[k]
		_, _ = fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", k.service, k.operation, k.kind, k.name, v.verdict, cmp.Or(v.by, v.why, v.note))
	}
	_, _ = fmt.Fprintln(w)
	_, _ = fmt.Fprint(w, d.counts())
	_ = w.Flush() // into memory
	return out.String()
}

func (d dossier) counts() string {
	count := map[string]int{}
	for k, v := range d {
		for _, service := range []string{k.service, "all"} {
			count[service+v.verdict]++
		}
	}
	var out strings.Builder
	fmt.Fprintf(&out, "SERVICE\t%s\t%s\t%s\n", passed, missing, doubtful)
	for _, service := range append(slices.Clone(services), "all") {
		p, m, q := count[service+passed], count[service+missing], count[service+doubtful]
		if p+m+q > 0 {
			fmt.Fprintf(&out, "%s\t%d\t%d\t%d\n", service, p, m, q)
		}
	}
	return out.String()
}

// lacks is the table of not-emulated.md: what is not emulated, an operation a line, and
// whole operations together.
func (d dossier) lacks() string {
	names := map[[2]string][]string{}
	var lines [][2]string
	whole := map[string][]string{}
	for _, k := range d.sorted() {
		if d[k].verdict != missing {
			continue
		}
		name := "`" + k.name + "`"
		switch {
		case k.kind == "operation" && k.name == "call":
			whole[k.service] = append(whole[k.service], "`"+k.operation+"`")
			continue
		case k.kind != "parameter":
			name = k.kind + " " + name
		}
		line := [2]string{k.service, k.operation}
		if names[line] == nil {
			lines = append(lines, line)
		}
		names[line] = append(names[line], name)
	}
	var out strings.Builder
	out.WriteString("| service | operation | not emulated |\n| --- | --- | --- |\n")
	for _, line := range lines {
		fmt.Fprintf(&out, "| %s | %s | %s |\n", line[0], line[1], strings.Join(names[line], ", "))
	}
	for _, service := range services {
		if len(whole[service]) > 40 { // the others are the shorter list
			fmt.Fprintf(&out, "| %s | whole operations | all but %s |\n", service, strings.Join(d.has(service), ", "))
		} else if len(whole[service]) > 0 {
			fmt.Fprintf(&out, "| %s | whole operations | %s |\n", service, strings.Join(whole[service], ", "))
		}
	}
	return out.String()
}

// has lists the operations of a service that are emulated.
func (d dossier) has(service string) (out []string) {
	for _, k := range d.sorted() {
		if k.service == service && k.kind == "operation" && d[k].verdict == passed {
			out = append(out, "`"+k.operation+"`")
		}
	}
	return out
}

// doubts enters the points where the documentation leaves a choice: the switches
// of an emulator's options, each with the comment that says what it chooses.
func doubts(t *testing.T, d dossier, service, file, name string) {
	t.Helper()
	tree, err := parser.ParseFile(token.NewFileSet(), filepath.Join("..", file), nil, parser.ParseComments)
	require.NoError(t, err)
	n := 0
	ast.Inspect(tree, func(node ast.Node) bool {
		if spec, ok := node.(*ast.TypeSpec); !ok || spec.Name.Name != name {
			return true
		} else if fields, ok := spec.Type.(*ast.StructType); ok {
			for _, f := range fields.Fields.List {
				text := strings.Join(strings.Fields(f.Doc.Text()+f.Comment.Text()), " ")
				require.NotEmpty(t, text, "%s: %s has no comment", file, f.Names[0])
				d[key{service, "(choices)", "doubt", f.Names[0].Name}] = verdict{verdict: doubtful, note: text}
				n++
			}
		}
		return false
	})
	require.Positive(t, n, "%s has no %s", file, name)
}

const (
	begin  = "<!-- not emulated: begin -->\n"
	finish = "<!-- not emulated: end -->\n"
)

// TestConformance is one test, not many: its last part reads what the others found.
func TestConformance(t *testing.T) {
	d, all := dossier{}, true
	part := func(name, by string, f func(*testing.T, dossier)) {
		ran := false
		good := t.Run(name, func(t *testing.T) { ran = true; f(t, d) })
		d.shownBy(by)
		all = all && ran && good
	}
	part("vod", client(t, "alibaba-cloud-sdk-go"), testVOD)
	part("queues", client(t, "aliyun-mns-go-sdk"), testMNS)
	part("objects", client(t, "alibabacloud-oss-go-sdk-v2"), testOSS)
	part("functions", client(t, "fc-runtime-go-sdk")+" under signed requests", testFC)
	part("raw", "signed requests", testRaw)
	t.Log("\n" + d.counts())
	if !all {
		return // a part that failed or was left out has no say in the table
	}
	part("readme", "", testReadme)
	part("report", "", testReport)
	if os.Getenv("CONFORMANCE") != "" {
		part("node", "the package, as published", testNode)
		part("older", "the client, as published", testOlderGo)
		fmt.Println(d.table())
		fmt.Println("VOD: what is checked of each parameter; every other one is refused by its name")
		for _, p := range fakevod.Parameters() {
			fmt.Printf("  %-24s %s\n", p.Operation, p.Row)
		}
	}
}

// testReadme keeps the table of what is not emulated what the clients found.
// UPDATE_GOLDEN=1 rewrites it.
func testReadme(t *testing.T, d dossier) {
	file := filepath.Join("..", "not-emulated.md")
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	head, rest, ok := strings.Cut(string(text), begin)
	require.True(t, ok, "not-emulated.md has no line %q", strings.TrimSpace(begin))
	old, tail, ok := strings.Cut(rest, finish)
	require.True(t, ok, "not-emulated.md has no line %q", strings.TrimSpace(finish))
	want := "\n" + d.lacks() + "\n"
	if os.Getenv("UPDATE_GOLDEN") != "" {
		require.NoError(t, os.WriteFile(file, []byte(head+begin+want+finish+tail), 0o600))
		return
	}
	require.Equal(t, want, old, "not-emulated.md is out of date: UPDATE_GOLDEN=1 go test ./shared/localcloud/conformance")
}
