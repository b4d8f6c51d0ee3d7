package rule

import (
	"fmt"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/expr-lang/expr/ast"

	"vodcurator/shared/video"
)

// What one expression may ask for, so that checking a file of 1 MB stays within 2 s and
// asking about one asset within 10 ms.
const (
	maxExpression = 8_000 // characters
	maxFaults     = 20    // told of one expression
	maxConstant   = 1_000 // numbers in a range that is written out
	maxPattern    = 2_000 // steps of a pattern's program: a title has up to 128 bytes, a description 1,024
	usualList     = 20    // the length at which lists of an asset are reckoned
)

// What one file may hold.
const (
	maxFileFaults = 100     // mistakes that are told; the rest is for the next check
	MaxConditions = 4_000   // in all: nobody writes so many
	maxPatterns   = 100_000 // steps of all patterns together
	maxTestSteps  = 20_000_000
	askSteps      = 24 // to ask a condition and word the answer, beside its own
)

// Afford refuses the tests of a file, at their path, if all of them together would take
// longer than a second or two. Each asset is compared with so many rules and holds.
func (f *File) Afford(path string, tests []Sample, compared int) bool {
	weight := 0
	for i := range tests {
		weight += tests[i].weight()
	}
	if weight <= maxTestSteps/max(f.steps+compared*askSteps, 1) {
		return true
	}
	f.Add(path, fmt.Sprintf("the tests take too long: %d, of %d rules and holds", len(tests), compared), "have fewer of either, or smaller assets in tests")
	return false
}

// weight is how many usual assets take as long as this one does.
func (s *Sample) weight() int {
	longest := max(len(s.Title), len(s.Description), len(s.FileName), len(s.UserData), len(s.Category))
	items := max(len(s.Tags), len(s.Labels), len(s.Streams))
	bytes := 0
	for _, text := range slices.Concat(s.Tags, s.Labels) {
		bytes += len(text)
	}
	return 1 + max(longest-video.MaxDescription, 0)/shortText + (items/usualList)*(items/usualList) + bytes/video.MaxDescription
}

// patterns are the regular expressions of one expression, by their text.
type patterns map[string]sized

// sized is a compiled regular expression, about how long its program is, and how long.
type sized struct {
	*regexp.Regexp
	size, program int
}

func (p patterns) size() (n int) {
	for _, one := range p {
		n += one.size
	}
	return n
}

// pattern compiles a regular expression that is not too large.
func pattern(text string) (sized, error) {
	tree, err := syntax.Parse(text, syntax.Perl)
	if err != nil {
		return sized{}, fmt.Errorf("%s", strings.TrimPrefix(err.Error(), "error parsing regexp: "))
	}
	size := patternSize(tree)
	if size > maxPattern {
		return sized{}, fmt.Errorf("the pattern is too large: %d steps, at most %d", size, maxPattern)
	}
	compiled, err := regexp.Compile(text)
	if err != nil {
		return sized{}, err
	}
	program, err := syntax.Compile(tree.Simplify())
	if err != nil {
		return sized{}, err
	}
	return sized{compiled, size, len(program.Inst)}, nil
}

// patternSize is about the length of the program that a pattern becomes: what is repeated
// counts as often as it may be. Branches and letters outside ASCII take more than one.
func patternSize(r *syntax.Regexp) int {
	size := 1
	if r.Op == syntax.OpLiteral || r.Op == syntax.OpCharClass {
		size += len(r.Rune) / 2
	}
	for _, sub := range r.Sub {
		size += patternSize(sub)
	}
	if r.Op == syntax.OpRepeat {
		size *= max(r.Min, r.Max, 1)
	}
	return min(size, 1<<20)
}

// extent is what a part of an expression is reckoned to be on a usual asset.
type extent struct {
	steps int // to come to it
	list  int // its length, if it is a list
	text  int // its bytes, or those of its longest element
}

// costs reckons how many steps an expression takes on an asset with lists of the usual
// length and texts as long as VOD lets them be, and finds where it becomes too many.
type costs struct {
	text     string
	patterns patterns
	lets     map[string]extent
	element  int // the bytes of the elements that the innermost any, all, … goes over
	loops    int // how many of them are around
	fault    error
}

func (c *costs) refuse(node ast.Node, message, hint string) {
	if c.fault == nil {
		c.fault = cannot(c.text, node, message, hint)
	}
}

// of is the extent of a part.
func (c *costs) of(node ast.Node) (e extent) {
	if n, ok := node.(*ast.IdentifierNode); ok {
		return c.name(n.Value)
	}
	if e, ok := c.value(node); ok {
		return c.within(node, e)
	}
	switch n := node.(type) {
	case *ast.UnaryNode:
		e.steps = c.of(n.Node).steps
	case *ast.BinaryNode:
		e = c.binary(n)
	case *ast.ConditionalNode:
		a, b := c.of(n.Exp1), c.of(n.Exp2)
		e = extent{c.of(n.Cond).steps + a.steps + b.steps, max(a.list, b.list), max(a.text, b.text)}
	case *ast.VariableDeclaratorNode:
		value := c.of(n.Value)
		c.lets[n.Name] = value
		e = c.of(n.Expr)
		e.steps += value.steps
	case *ast.SequenceNode: // it is what its last part is
		for _, one := range n.Nodes {
			steps := e.steps
			e = c.of(one)
			e.steps += steps
		}
	case *ast.PredicateNode:
		e = c.of(n.Node)
	case *ast.BuiltinNode:
		e = c.call(n.Name, n.Arguments)
	case *ast.CallNode:
		name, _ := n.Callee.(*ast.IdentifierNode)
		e = c.call(name.Value, n.Arguments)
	}
	return c.within(node, e)
}

// value is the extent of a part that is a value or takes one out of another.
func (c *costs) value(node ast.Node) (e extent, ok bool) {
	switch n := node.(type) {
	case *ast.StringNode:
		e.text = len(n.Value)
	case *ast.PointerNode:
		e.text = c.element
	case *ast.ArrayNode:
		e = c.all(n.Nodes)
		e.list = len(n.Nodes)
	case *ast.ChainNode:
		e = c.of(n.Node)
	case *ast.MemberNode:
		e = c.all([]ast.Node{n.Node, n.Property})
		e.text = max(e.text, shortText)
	case *ast.SliceNode:
		e = c.of(n.Node)
		for _, end := range []ast.Node{n.From, n.To} {
			if end != nil {
				e.steps += c.of(end).steps
			}
		}
	default:
		return extent{}, false
	}
	return e, true
}

// within counts the step of a part itself, and refuses one that takes too many.
func (c *costs) within(node ast.Node, e extent) extent {
	if e.steps++; e.steps > maxSteps {
		c.refuse(node, fmt.Sprintf("takes %d steps, at most %d", e.steps, maxSteps), "look into fewer lists within lists or shorter ones, into shorter texts, for fewer words, with simpler patterns")
	}
	return extent{min(e.steps, maxSteps+1), min(e.list, maxList), min(e.text, maxText)}
}

// name is the extent of a fact or a variable.
func (c *costs) name(name string) extent {
	if e, ok := c.lets[name]; ok {
		return extent{1, e.list, e.text}
	}
	switch {
	case isList(name):
		return extent{1, usualList, shortText}
	case name == "description" || name == "user_data":
		return extent{1, 0, video.MaxDescription}
	}
	return extent{1, 0, video.MaxTitle}
}

// all is the extent of parts one after the other.
func (c *costs) all(nodes []ast.Node) (e extent) {
	for _, node := range nodes {
		one := c.of(node)
		e.steps, e.text = e.steps+one.steps, max(e.text, one.text)
	}
	return e
}

func (c *costs) binary(n *ast.BinaryNode) extent {
	a, b := c.of(n.Left), c.of(n.Right)
	e := extent{steps: a.steps + b.steps}
	switch n.Operator {
	case "..":
		from, isFrom := literal(n.Left)
		to, isTo := literal(n.Right)
		e.list = usualList
		if isFrom && isTo {
			e.list = int(min(max(to-from+1, 0), maxList))
			if to-from+1 > maxConstant {
				c.refuse(n, fmt.Sprintf("a range of more than %d numbers", maxConstant), "compare with < and > instead")
			}
		}
		e.steps += e.list
	case "in":
		e.steps += b.list
	case "==", "!=":
		e.steps += min(a.list, b.list) * len(streamNouns)
	case "+":
		e.text = a.text + b.text
		e.steps += c.reading(e.text / bytesRead)
	case "matches":
		if pattern, ok := n.Right.(*ast.StringNode); ok {
			e.steps += c.reading(c.patterns[pattern.Value].steps(a.text))
		}
	case "contains", "startsWith", "endsWith":
		e.steps += c.reading(a.text / bytesRead)
	}
	return e
}

func (c *costs) call(name string, args []ast.Node) extent {
	if slices.Contains([]string{"all", "any", "none", "one", "filter", "map", "count", "sum"}, name) {
		return c.overList(name, args)
	}
	e := c.all(args)
	switch name {
	case "mentions", "has_word":
		text := c.of(args[0]).text
		steps := text / bytesFolded
		for _, arg := range args[1:] {
			steps += wordSteps(arg, text)
		}
		e.steps, e.text = e.steps+c.reading(steps), 0
	case "split":
		e.list = usualList
		e.steps += c.reading(e.text / bytesFolded)
	case "lower", "upper", "trim", "string":
		e.steps += c.reading(e.text / bytesFolded)
	}
	return e
}

// reading is what the steps that a text takes count for. Outside of loops they are the most
// that there can be; a list may be five times as long as the usual one.
func (c *costs) reading(steps int) int {
	if c.loops > 0 {
		return 4 * steps
	}
	return steps
}

// overList is what looks at every element of a list.
func (c *costs) overList(name string, args []ast.Node) extent {
	if len(args) == 0 {
		return extent{steps: 1}
	}
	e, outer := c.of(args[0]), c.element
	each := extent{steps: 1}
	if c.element = e.text; len(args) > 1 {
		c.loops++
		each = c.of(args[1])
		c.loops--
	}
	c.element = outer
	e.steps += each.steps * max(e.list, 1) // nobody asks for the length of what is no list
	if name == "map" {
		e.text = each.text
	}
	return e
}

// A step is about a tenth of a microsecond. In that time so many bytes of a text are
// searched, or brought into the form in which words are compared.
const (
	shortText   = 32 // bytes of a tag
	bytesRead   = 256
	bytesFolded = 4
)

// steps is what it takes to match a text: in proportion to its length and to that of the
// pattern's program. Go's package backtracks while both are small, which takes four times as
// long for each byte and at most the 10 ms that a condition may take.
func (p sized) steps(text int) int {
	if product := p.program * text; p.program <= 500 && product < 1<<18 {
		return min(product/8, maxSteps-maxSteps/20)
	}
	return p.program * text / 32
}

// wordSteps is what it takes to look for one word in a text. ASCII letters need no form of
// their own.
func wordSteps(word ast.Node, text int) int {
	if s, ok := word.(*ast.StringNode); ok {
		if _, ok := foldASCII(s.Value); ok {
			return 1 + text/bytesRead
		}
	}
	return 5 + text/bytesRead
}

// tooLong says what is wrong with an expression before it is parsed: the parser goes one
// step deeper for each bracket.
func tooLong(text string) error {
	if n := utf8.RuneCountInString(text); n > maxExpression {
		return &ExprError{Text: text, Line: 1, Message: fmt.Sprintf("%d characters, at most %d", n, maxExpression), Hint: "split the rule in two"}
	}
	return nil
}
