package rule

import (
	"fmt"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/expr-lang/expr/ast"
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
)

// patterns are the compiled regular expressions of one expression, by their text.
type patterns map[string]*regexp.Regexp

func (p patterns) size() (n int) {
	for text := range p {
		if tree, err := syntax.Parse(text, syntax.Perl); err == nil {
			n += patternSize(tree)
		}
	}
	return n
}

// pattern compiles a regular expression that is not too large.
func pattern(text string) (*regexp.Regexp, error) {
	tree, err := syntax.Parse(text, syntax.Perl)
	if err != nil {
		return nil, fmt.Errorf("%s", strings.TrimPrefix(err.Error(), "error parsing regexp: "))
	}
	if size := patternSize(tree); size > maxPattern {
		return nil, fmt.Errorf("the pattern is too large: %d steps, at most %d", size, maxPattern)
	}
	return regexp.Compile(text)
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

// costs reckons how many steps an expression takes on an asset with lists of the usual
// length, and finds where it becomes too many.
type costs struct {
	text    string
	lengths map[string]int // of let
	fault   error
}

func (c *costs) refuse(node ast.Node, message, hint string) {
	if c.fault == nil {
		c.fault = cannot(c.text, node, message, hint)
	}
}

// of is the steps of a part, and the length of the list that it is, if it is one.
func (c *costs) of(node ast.Node) (steps, length int) {
	if n, ok := node.(*ast.IdentifierNode); ok {
		if isList(n.Value) {
			return 1, usualList
		}
		return 1, c.lengths[n.Value]
	}
	steps, length = c.parts(node)
	if steps++; steps > maxSteps {
		c.refuse(node, fmt.Sprintf("takes %d steps, at most %d", steps, maxSteps), "look into fewer lists within lists, or into shorter ones")
	}
	return min(steps, maxSteps+1), min(length, maxList)
}

// parts is of without the step of the node itself.
func (c *costs) parts(node ast.Node) (steps, length int) {
	switch n := node.(type) {
	case *ast.ArrayNode:
		return c.all(n.Nodes), len(n.Nodes)
	case *ast.UnaryNode:
		steps, _ = c.of(n.Node)
	case *ast.BinaryNode:
		return c.binary(n)
	case *ast.ChainNode:
		return c.of(n.Node)
	case *ast.MemberNode:
		steps = c.all([]ast.Node{n.Node, n.Property})
	case *ast.SliceNode:
		steps, length = c.of(n.Node)
		return steps + c.all(slices.DeleteFunc([]ast.Node{n.From, n.To}, func(end ast.Node) bool { return end == nil })), length
	case *ast.ConditionalNode:
		cond, _ := c.of(n.Cond)
		a, x := c.of(n.Exp1)
		b, y := c.of(n.Exp2)
		return cond + a + b, max(x, y)
	case *ast.VariableDeclaratorNode:
		steps, c.lengths[n.Name] = c.of(n.Value)
		more, length := c.of(n.Expr)
		return steps + more, length
	case *ast.SequenceNode: // it is what its last part is
		for _, one := range n.Nodes {
			var more int
			more, length = c.of(one)
			steps += more
		}
	case *ast.PredicateNode:
		return c.of(n.Node)
	case *ast.BuiltinNode:
		return c.call(n.Name, n.Arguments)
	case *ast.CallNode:
		steps = c.all(n.Arguments)
	}
	return steps, length
}

func (c *costs) all(nodes []ast.Node) (steps int) {
	for _, node := range nodes {
		more, _ := c.of(node)
		steps += more
	}
	return steps
}

func (c *costs) binary(n *ast.BinaryNode) (steps, length int) {
	a, _ := c.of(n.Left)
	b, right := c.of(n.Right)
	switch n.Operator {
	case "..":
		from, isFrom := literal(n.Left)
		to, isTo := literal(n.Right)
		length = usualList
		if isFrom && isTo {
			length = int(min(max(to-from+1, 0), maxList))
			if to-from+1 > maxConstant {
				c.refuse(n, fmt.Sprintf("a range of more than %d numbers", maxConstant), "compare with < and > instead")
			}
		}
		return a + b + length, length
	case "in":
		return a + b + right, 0
	}
	return a + b, 0
}

func (c *costs) call(name string, args []ast.Node) (steps, length int) {
	switch name {
	case "all", "any", "none", "one", "filter", "map", "count", "sum":
		if len(args) == 0 {
			return 1, 0
		}
		steps, length = c.of(args[0])
		each := 1
		if len(args) > 1 {
			each, _ = c.of(args[1])
		}
		return steps + each*max(length, 1), length // nobody asks for the length of what is no list
	case "split":
		return c.all(args), usualList
	}
	return c.all(args), 0
}

// tooLong says what is wrong with an expression before it is parsed: the parser goes one
// step deeper for each bracket.
func tooLong(text string) error {
	if n := utf8.RuneCountInString(text); n > maxExpression {
		return &ExprError{Text: text, Line: 1, Message: fmt.Sprintf("%d characters, at most %d", n, maxExpression), Hint: "split the rule in two"}
	}
	return nil
}
