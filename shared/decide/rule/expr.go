package rule

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/parser"
	"github.com/expr-lang/expr/vm"
)

// memoryBudget ends an evaluation that builds more than this many values.
const memoryBudget = 10_000

// builtins are the functions of the expression language that rules may use. The
// rest reads the clock, parses other formats or builds large values.
var builtins = []string{
	"all", "any", "none", "one", "filter", "map", "count", "sum", "len", "min", "max",
	"abs", "ceil", "floor", "round", "int", "float", "string", "trim", "upper", "lower", "split",
}

// helpers are our own functions.
var helpers = []struct {
	name, doc string
	option    expr.Option
}{
	{"days", "days(30): a span of time, to compare with now - uploaded", expr.Function("days",
		func(args ...any) (any, error) { return span(args[0].(float64)), nil }, new(func(float64) time.Duration))},
	{"date", `date("2026-01-31"): midnight UTC of that day`, expr.Function("date",
		func(args ...any) (any, error) { return time.Parse(time.DateOnly, args[0].(string)) }, new(func(string) time.Time))},
	{"mentions", `mentions(title, "intro", "预告"): the text holds one of these, whatever the case and the width of characters`, expr.Function("mentions",
		func(args ...any) (any, error) { return anyOf(args, false), nil }, new(func(string, string, ...string) bool))},
	{"has_word", `has_word(title, "cat"): one of these stands there as a whole word, whatever the case and the width of characters`, expr.Function("has_word",
		func(args ...any) (any, error) { return anyOf(args, true), nil }, new(func(string, string, ...string) bool))},
}

var options = func() []expr.Option {
	all := []expr.Option{expr.Env(&Facts{}), expr.AsBool(), expr.DisableAllBuiltins(), expr.MaxNodes(1_000)}
	for _, name := range builtins {
		all = append(all, expr.EnableBuiltin(name))
	}
	for _, h := range helpers {
		all = append(all, h.option)
	}
	return all
}()

// Functions lists what an expression may call: each of ours with what it does,
// then those of the language.
func Functions() []string {
	var all []string
	for _, h := range helpers {
		all = append(all, h.doc)
	}
	return append(all, builtins...)
}

func functionNames() []string {
	all := slices.Clone(builtins)
	for _, h := range helpers {
		all = append(all, h.name)
	}
	return all
}

// Program is one compiled expression. It may be evaluated from many goroutines.
type Program struct {
	text     string
	uses     mask
	whole    *vm.Program
	tree     ast.Node // as written, before optimisation
	patterns patterns
	fast     bool // whole answers as the interpreter does, when shape fits and all is known
	shape    shape
	steps    int // reckoned
}

// ExprError is what is wrong with an expression, at a line (from 1) and column
// (from 0) of its own text.
type ExprError struct {
	Text    string
	Line    int
	Column  int
	Message string
	Hint    string
}

func (e *ExprError) Error() string {
	return fmt.Sprintf("%d:%d: %s", e.Line, e.Column+1, e.Message)
}

// Compile checks an expression: it must be yes or no, use only known names and
// functions with fitting types, name patterns that compile, and not contradict
// itself. All faults found are joined; each is an *ExprError.
func Compile(text string) (*Program, error) {
	if strings.TrimSpace(text) == "" {
		return nil, &ExprError{Text: text, Line: 1, Message: "an empty expression", Hint: "write true for a rule that always holds"}
	}
	if err := tooLong(text); err != nil {
		return nil, err
	}
	tree, err := parse(text)
	if err != nil {
		return nil, exprError(text, err)
	}
	c := &checker{text: text, patterns: patterns{}, lets: declared{}}
	ast.Walk(&tree.Node, c.lets)
	ast.Walk(&tree.Node, c)
	if len(c.faults) > 0 {
		return nil, errors.Join(c.faults...)
	}
	cost := costs{text: text, patterns: c.patterns, lets: map[string]extent{}}
	steps := cost.of(tree.Node).steps
	if cost.fault != nil {
		return nil, cost.fault
	}
	whole, err := compile(text)
	if err != nil {
		e := exprError(text, err)
		e.Hint = cmp.Or(e.Hint, c.types())
		return nil, e
	}
	if err := impossible(text, tree.Node, c.patterns); err != nil {
		return nil, err
	}
	if c.uses == 0 { // it is the same for every asset
		switch holds, why := interpret(tree.Node, c.patterns, &Facts{}); {
		case holds == Unknown && why.err != nil:
			return nil, &ExprError{Text: text, Line: 1, Message: "cannot be evaluated: " + why.err.Error()}
		case holds != Yes:
			return nil, &ExprError{Text: text, Line: 1, Message: "cannot be true", Hint: "compare with a fact of the asset, such as title or duration"}
		}
	}
	if err := contradiction(text, tree.Node); err != nil {
		return nil, err
	}
	var o outline
	fast := o.fast(tree.Node)
	return &Program{text: text, whole: whole, uses: c.uses, tree: tree.Node, patterns: c.patterns, fast: fast, shape: o.shape, steps: steps}, nil
}

// Compile compiles the expression that stands at a path of the file, and records
// what is wrong with it there. It returns nil then.
func (f *File) Compile(path, text string) *Program {
	if text == "" && slices.ContainsFunc(f.faults, func(fault *Fault) bool { return fault.Path == path }) {
		return nil // there is none because of a mistake that is told already
	}
	if len(f.faults) >= maxFileFaults || f.conditions > MaxConditions || f.patterns > maxPatterns {
		return nil
	}
	p, err := Compile(text)
	f.conditions++
	if p != nil {
		f.patterns += p.patterns.size()
		f.steps += p.steps
	}
	switch {
	case f.conditions > MaxConditions:
		f.Add(path, fmt.Sprintf("more than %d conditions in one file", MaxConditions), "")
	case f.patterns > maxPatterns:
		f.Add(path, fmt.Sprintf("the patterns of this file have more than %d steps together", maxPatterns), "use startsWith, contains or has_word where they do")
	}
	for _, e := range exprErrors(err) {
		line := ""
		if lines := strings.Split(text, "\n"); e.Line <= len(lines) {
			line = lines[e.Line-1]
		}
		f.AddIn(path, line, e.Column, last(path)+": "+e.Message, e.Hint)
	}
	return p
}

// exprErrors lists what is inside an error of Compile.
func exprErrors(err error) (all []*ExprError) {
	var many interface{ Unwrap() []error }
	if errors.As(err, &many) {
		for _, err := range many.Unwrap() {
			all = append(all, exprErrors(err)...)
		}
		return all
	}
	var one *ExprError
	if errors.As(err, &one) {
		return []*ExprError{one}
	}
	return nil
}

func exprError(text string, err error) *ExprError {
	var e *file.Error
	if !errors.As(err, &e) {
		e = &file.Error{Message: err.Error(), Line: 1}
	}
	message := strings.NewReplacer(" *rule.Facts", " these facts", "rule.", "", "time.Time", "time", "time.Duration", "span of time").Replace(e.Message)
	out := &ExprError{Text: text, Line: max(e.Line, 1), Column: e.Column, Message: message}
	switch {
	case strings.Contains(message, "expected bool, but got "):
		out.Message, out.Hint = "not yes or no, but "+message[strings.LastIndex(message, " ")+1:], "compare it with something: duration > 30"
	case strings.Contains(message, "unexpected token EOF"):
		out.Hint = "something is missing at the end; in YAML a # behind a blank begins a comment, so put the expression in quotes"
	case strings.Contains(message, `Operator("=")`):
		out.Hint = "compare with =="
	}
	return out
}

func parse(text string) (tree *parser.Tree, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("cannot be read: %v", p)
		}
	}()
	return parser.Parse(text)
}

func compile(text string) (program *vm.Program, err error) {
	defer func() { // the library panics on a few constant expressions
		if p := recover(); p != nil {
			err = fmt.Errorf("cannot be compiled: %v", p)
		}
	}()
	return expr.Compile(text, options...)
}

// Machine evaluates programs, one at a time. NewMachine and Free reuse machines:
// a new one for each evaluation costs most of its time.
type Machine struct{ vm vm.VM }

var machines = sync.Pool{New: func() any { return &Machine{vm.VM{MemoryBudget: memoryBudget}} }}

// NewMachine returns a machine for one goroutine, until it calls Free.
func NewMachine() *Machine { return machines.Get().(*Machine) }

// Free gives the machine back.
func (m *Machine) Free() { machines.Put(m) }

func (m *Machine) run(program *vm.Program, f *Facts) (bool, error) {
	out, err := m.vm.Run(program, f)
	if err != nil {
		var e *file.Error
		if errors.As(err, &e) {
			return false, errors.New(e.Message)
		}
		return false, err
	}
	yes, ok := out.(bool)
	if !ok {
		return false, fmt.Errorf("the expression gave %T", out)
	}
	return yes, nil
}

// Text is the expression as it was written.
func (p *Program) Text() string { return p.text }

// Uses names the facts that the expression asks for.
func (p *Program) Uses() []string { return p.uses.names() }

// checker walks the expression as it was written: it notes the facts used, and
// finds every unknown name and bad pattern, where the compiler stops at one.
type checker struct {
	text   string
	uses   mask
	faults []error
	// patterns that are written out in it, compiled
	patterns patterns
	lets     declared
}

// declared are the names of let whose bodies are still ahead, and how many: a body is
// walked before its variable.
type declared map[string]int

func (d declared) Visit(node *ast.Node) {
	if n, ok := (*node).(*ast.VariableDeclaratorNode); ok {
		d[n.Name]++
	}
}

// words are the facts with few possible values: another value is a slip.
var words = map[string][]string{
	"kind":        {"video", "audio", "image"},
	"orientation": {"landscape", "portrait", "square"},
}

func (c *checker) Visit(node *ast.Node) {
	switch n := (*node).(type) {
	case *ast.VariableDeclaratorNode:
		if c.lets[n.Name] > 0 {
			c.lets[n.Name]--
		}
	case *ast.IdentifierNode:
		switch b, ok := bit[n.Value]; {
		case ok:
			c.uses |= b
		case c.lets[n.Value] > 0, len(c.faults) >= maxFaults:
		case slices.Contains(functionNames(), n.Value): // it is being called
		default:
			c.fault(n, unknownName(n.Value), Suggest(n.Value, slices.Sorted(keys(bit))))
		}
	case *ast.BuiltinNode:
		c.call(n, n.Name, n.Arguments)
	case *ast.CallNode:
		name, ok := n.Callee.(*ast.IdentifierNode)
		if !ok {
			c.fault(n, "only functions can be called", "")
			return
		}
		c.call(n, name.Value, n.Arguments)
	case *ast.BinaryNode:
		c.binary(n)
	}
}

// known takes back what was said of a name before it turned out to be one.
func (c *checker) known(name string) {
	c.faults = slices.DeleteFunc(c.faults, func(err error) bool {
		var e *ExprError
		return errors.As(err, &e) && e.Message == unknownName(name)
	})
}

func (c *checker) call(n ast.Node, name string, args []ast.Node) {
	if !slices.Contains(functionNames(), name) {
		c.known(name)
		c.fault(n, name+" is not a function here", Suggest(name, functionNames()))
		return
	}
	if name != "date" || len(args) != 1 {
		return
	}
	if day, ok := args[0].(*ast.StringNode); ok {
		if _, err := time.Parse(time.DateOnly, day.Value); err != nil {
			c.fault(day, fmt.Sprintf("%q is not a day", day.Value), "write it as 2026-01-31")
		}
	}
}

func (c *checker) binary(n *ast.BinaryNode) {
	switch n.Operator {
	case "matches":
		literal, ok := n.Right.(*ast.StringNode)
		if !ok {
			c.fault(n.Right, "a pattern must be written out", `title matches "^draft"`)
			return
		}
		if c.patterns == nil {
			return
		}
		compiled, err := pattern(literal.Value)
		if err != nil {
			c.fault(literal, err.Error(), "patterns are RE2: no look-ahead, no back references")
			return
		}
		c.patterns[literal.Value] = compiled
	case "==", "!=":
		c.word(n.Left, n.Right)
		c.word(n.Right, n.Left)
	case "in":
		if list, ok := n.Right.(*ast.ArrayNode); ok {
			for _, item := range list.Nodes {
				c.word(n.Left, item)
			}
		}
	}
}

func (c *checker) word(left, right ast.Node) {
	name, ok := left.(*ast.IdentifierNode)
	value, text := right.(*ast.StringNode)
	if !ok || !text || words[name.Value] == nil || value.Value == "" || slices.Contains(words[name.Value], value.Value) {
		return
	}
	c.fault(value, fmt.Sprintf("%s is never %q", name.Value, value.Value), Suggest(value.Value, words[name.Value]))
}

func (c *checker) fault(node ast.Node, message, hint string) {
	if len(c.faults) >= maxFaults {
		return
	}
	e := &ExprError{Text: c.text, Message: message, Hint: hint}
	e.Line, e.Column = lineColumn(c.text, node.Location().From)
	c.faults = append(c.faults, e)
}

// types is a hint for a type error: what the facts in it are.
func (c *checker) types() string {
	var all []string
	for _, noun := range nouns {
		if c.uses&bit[noun.Name] != 0 {
			all = append(all, fmt.Sprintf("%s is a %s (%s)", noun.Name, noun.Type, noun.Doc))
		}
	}
	return strings.Join(all, "; ")
}

func unknownName(name string) string { return fmt.Sprintf("unknown name %s", name) }

func lineColumn(text string, at int) (line, column int) {
	line = 1
	for i, r := range []rune(text) {
		if i == at {
			break
		}
		column++
		if r == '\n' {
			line, column = line+1, 0
		}
	}
	return line, column
}

func keys[K comparable, V any](m map[K]V) func(func(K) bool) {
	return func(yield func(K) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

// contradiction finds conditions joined by and that cannot hold together: a
// number above and below, one word equal to two.
func contradiction(text string, node ast.Node) error {
	c := conjunction{text: text, known: map[string]*bounds{}}
	c.visit(node)
	return c.fault
}

// conjunction is what conditions that hold together say of each fact.
type conjunction struct {
	text  string
	known map[string]*bounds
	fault error
}

type bounds struct {
	low, high         float64
	lowOpen, highOpen bool
	word              *string
}

func (c *conjunction) visit(node ast.Node) {
	n, ok := node.(*ast.BinaryNode)
	if !ok || c.fault != nil {
		return
	}
	if n.Operator == "and" || n.Operator == "&&" {
		c.visit(n.Left)
		c.visit(n.Right)
		return
	}
	name, operator, value := comparison(n)
	if bit[name] == 0 {
		return
	}
	b := c.known[name]
	if b == nil {
		b = &bounds{low: math.Inf(-1), high: math.Inf(1)}
		c.known[name] = b
	}
	if word, ok := value.(*ast.StringNode); ok && operator == "==" {
		if b.word != nil && *b.word != word.Value {
			c.fault = cannot(c.text, node, fmt.Sprintf("%s cannot be %q and %q at once", name, *b.word, word.Value), "join them with or, or ask: in [..]")
			return
		}
		b.word = &word.Value
	}
	if number, ok := literal(value); ok {
		b.narrow(operator, number)
		c.fault = b.empty(c.text, node, name)
	}
}

// empty says that no number fits.
func (b *bounds) empty(text string, node ast.Node, name string) error {
	switch {
	case b.high < 0 || b.high == 0 && b.highOpen:
		return cannot(text, node, fmt.Sprintf("cannot be true: %s is never below 0", name), "")
	case b.low > b.high || b.low == b.high && (b.lowOpen || b.highOpen):
		return cannot(text, node, fmt.Sprintf("cannot be true: no %s fits all these conditions", name), "")
	}
	return nil
}

// comparison is a comparison with the name at its left: 30 < duration is duration > 30.
// Without a name it is none.
func comparison(n *ast.BinaryNode) (name, operator string, value ast.Node) {
	if left, ok := n.Left.(*ast.IdentifierNode); ok {
		return left.Value, n.Operator, n.Right
	}
	right, ok := n.Right.(*ast.IdentifierNode)
	if !ok {
		return "", "", nil
	}
	turned := map[string]string{"<": ">", "<=": ">=", ">": "<", ">=": "<="}
	return right.Value, cmp.Or(turned[n.Operator], n.Operator), n.Left
}

// narrow takes one more comparison into account.
func (b *bounds) narrow(operator string, number float64) {
	switch operator {
	case ">", ">=", "==":
		if open := operator == ">"; number > b.low || number == b.low && open {
			b.low, b.lowOpen = number, open
		}
	}
	switch operator {
	case "<", "<=", "==":
		if open := operator == "<"; number < b.high || number == b.high && open {
			b.high, b.highOpen = number, open
		}
	}
}

func cannot(text string, node ast.Node, message, hint string) error {
	line, column := lineColumn(text, node.Location().From)
	return &ExprError{Text: text, Line: line, Column: column, Message: message, Hint: hint}
}

func literal(node ast.Node) (float64, bool) {
	switch n := node.(type) {
	case *ast.IntegerNode:
		return float64(n.Value), true
	case *ast.FloatNode:
		return n.Value, true
	case *ast.UnaryNode:
		v, ok := literal(n.Node)
		if n.Operator == "-" {
			v = -v
		}
		return v, ok && (n.Operator == "-" || n.Operator == "+")
	}
	return 0, false
}

func span(days float64) time.Duration { return time.Duration(days * float64(24*time.Hour)) }
