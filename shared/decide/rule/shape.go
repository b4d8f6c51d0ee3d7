package rule

import (
	"slices"
	"strings"

	"github.com/expr-lang/expr/ast"
)

// shape says what must be known of the lists that an expression looks into, for the
// machine of the expression language to answer as the interpreter would. That machine
// knows no unknown, and says yes for all elements of an empty list.
type shape struct {
	fields mask // of the streams
	filled mask // lists that must not be empty
}

func (s shape) fits(f *Facts) bool {
	if s.filled&bitStreams != 0 && len(f.Streams) == 0 || s.filled&bitTags != 0 && len(f.Tags) == 0 ||
		s.filled&bitLabels != 0 && len(f.Labels) == 0 {
		return false
	}
	for i := range f.Streams {
		if stream := &f.Streams[i]; s.fields&(stream.missing|stream.never) != 0 {
			return false
		}
	}
	return true
}

var bitStreams, bitTags, bitLabels = bit["streams"], bit["tags"], bit["labels"]

// outline finds whether an expression keeps to what the machine answers as the
// interpreter does when all is known: no arithmetic but with constants, no index, no list
// within a list, nothing that can fail or grow.
type outline struct {
	shape
	over   string   // the list that the innermost all, any, … goes over; empty outside
	locals []string // of let
}

// fast is that question for one part whose value is a single one, no list.
func (o *outline) fast(node ast.Node) bool {
	switch n := node.(type) {
	case *ast.BoolNode, *ast.StringNode, *ast.IntegerNode, *ast.FloatNode:
		return true
	case *ast.IdentifierNode:
		return o.name(n.Value)
	case *ast.PointerNode:
		return o.over == "tags" || o.over == "labels"
	case *ast.MemberNode:
		return o.member(n)
	case *ast.UnaryNode:
		return (isNot(n) || isConstant(n.Node)) && o.fast(n.Node)
	case *ast.BinaryNode:
		return o.binary(n)
	case *ast.ConditionalNode:
		return o.every(n.Cond, n.Exp1, n.Exp2)
	case *ast.VariableDeclaratorNode:
		if !o.fast(n.Value) {
			return false
		}
		o.locals = append(o.locals, n.Name)
		return o.fast(n.Expr)
	}
	name, args := called(node)
	return name != "" && o.call(name, args)
}

// called is the name and the arguments of a call; of anything else there is no name.
func called(node ast.Node) (name string, args []ast.Node) {
	switch n := node.(type) {
	case *ast.BuiltinNode:
		return n.Name, n.Arguments
	case *ast.CallNode:
		if callee, ok := n.Callee.(*ast.IdentifierNode); ok {
			return callee.Value, n.Arguments
		}
	}
	return "", nil
}

func (o *outline) every(nodes ...ast.Node) bool {
	return !slices.ContainsFunc(nodes, func(node ast.Node) bool { return !o.fast(node) })
}

func (o *outline) member(n *ast.MemberNode) bool {
	name, isName := n.Property.(*ast.StringNode)
	_, isPointer := n.Node.(*ast.PointerNode)
	if !isName || !isPointer || o.over != "streams" || streamBit[name.Value] == 0 || n.Optional {
		return false
	}
	o.fields |= streamBit[name.Value]
	return true
}

func (o *outline) binary(n *ast.BinaryNode) bool {
	switch n.Operator {
	case "and", "&&", "or", "||", "==", "!=", "<", "<=", ">", ">=", "contains", "startsWith", "endsWith", "matches":
		return o.fast(n.Left) && o.fast(n.Right)
	case "in":
		return o.fast(n.Left) && choices(n.Right)
	case "-":
		if isTime(n.Left) && isTime(n.Right) {
			return true
		}
	case "+", "*", "/", "%", "**", "^":
	default:
		return false
	}
	return isConstant(n) // it was computed when it was checked
}

func (o *outline) name(name string) bool {
	return slices.Contains(o.locals, name) || bit[name] != 0 && !isList(name)
}

func isNot(n *ast.UnaryNode) bool { return n.Operator == "not" || n.Operator == "!" }

func isTime(node ast.Node) bool {
	n, ok := node.(*ast.IdentifierNode)
	return ok && (n.Value == "now" || n.Value == "uploaded" || n.Value == "modified")
}

func isList(name string) bool { return name == "tags" || name == "labels" || name == "streams" }

// choices are a list of texts among the facts, or one that is written out.
func choices(node ast.Node) bool {
	switch n := node.(type) {
	case *ast.IdentifierNode:
		return n.Value == "tags" || n.Value == "labels"
	case *ast.ArrayNode:
		texts, numbers := 0, 0
		for _, item := range n.Nodes {
			switch item.(type) {
			case *ast.StringNode:
				texts++
			case *ast.IntegerNode, *ast.FloatNode:
				numbers++
			}
		}
		return len(n.Nodes) > 0 && (texts == len(n.Nodes) || numbers == len(n.Nodes))
	}
	return false
}

func (o *outline) call(name string, args []ast.Node) bool {
	switch name {
	case "all", "any", "none", "one", "count":
		return o.quantifier(name, args)
	case "len":
		if n, ok := args[0].(*ast.IdentifierNode); ok && isList(n.Value) {
			return true
		}
	case "lower", "upper", "trim", "mentions", "has_word":
	case "days", "date":
		return len(args) == 1 && isConstant(args[0])
	default:
		return false
	}
	return o.every(args...)
}

func (o *outline) quantifier(name string, args []ast.Node) bool {
	if len(args) != 2 || o.over != "" {
		return false
	}
	list, ok := args[0].(*ast.IdentifierNode)
	p, isPredicate := args[1].(*ast.PredicateNode)
	if !ok || !isPredicate || !isList(list.Value) {
		return false
	}
	if list.Value == "streams" || name == "all" {
		o.filled |= bit[list.Value]
	}
	o.over = list.Value
	defer func() { o.over = "" }()
	return o.fast(p.Node)
}

// isConstant says that a part is the same for every asset: no fact, no element, no
// variable is in it.
func isConstant(node ast.Node) bool {
	c := constants{is: map[ast.Node]bool{}}
	ast.Walk(&node, &c)
	return c.is[node]
}

// constants notes which parts are the same for every asset. Walk comes to what is inside
// before it comes to a part.
type constants struct{ is map[ast.Node]bool }

func (c *constants) Visit(node *ast.Node) {
	switch n := (*node).(type) {
	case *ast.IntegerNode, *ast.FloatNode, *ast.StringNode, *ast.BoolNode:
		c.is[n] = true
	case *ast.UnaryNode:
		c.is[n] = c.is[n.Node]
	case *ast.BinaryNode:
		c.is[n] = c.is[n.Left] && c.is[n.Right]
	case *ast.ArrayNode:
		c.is[n] = c.every(n.Nodes)
	case *ast.ConditionalNode:
		c.is[n] = c.is[n.Cond] && c.is[n.Exp1] && c.is[n.Exp2]
	case *ast.BuiltinNode:
		c.is[n] = c.every(n.Arguments)
	case *ast.CallNode:
		c.is[n] = c.every(n.Arguments)
	}
}

func (c *constants) every(nodes []ast.Node) bool {
	return !slices.ContainsFunc(nodes, func(node ast.Node) bool { return !c.is[node] })
}

// impossible finds the first part that is the same for every asset and cannot be
// computed, such as a quotient by zero.
func impossible(text string, root ast.Node, res patterns) error {
	s := sums{text: text, res: res, constants: constants{is: map[ast.Node]bool{}}}
	ast.Walk(&root, &s.constants)
	if s.constants.is[root] {
		s.check(root)
		return s.fault
	}
	ast.Walk(&root, visitor(func(node ast.Node) {
		if s.constants.is[node] {
			return // what holds it is checked
		}
		for _, part := range inner(node) {
			if s.constants.is[part] {
				s.check(part)
			}
		}
		s.checkDivisor(node)
	}))
	return s.fault
}

// sums are the parts that can be computed without an asset.
type sums struct {
	text      string
	res       patterns
	constants constants
	fault     error // the first
}

func (s *sums) compute(node ast.Node) value {
	in := interpreter{f: &Facts{}, res: s.res}
	return in.safe(node)
}

func (s *sums) check(node ast.Node) {
	switch node.(type) {
	case *ast.BinaryNode, *ast.CallNode, *ast.BuiltinNode, *ast.ConditionalNode, *ast.UnaryNode:
	default:
		return
	}
	v := s.compute(node)
	if s.fault != nil || v.why == nil {
		return
	}
	what := strings.Join(v.why.list(), ", ")
	if v.why.err != nil {
		what = v.why.err.Error()
	}
	s.fault = cannot(s.text, node, "cannot be computed: "+what, "")
}

func (s *sums) checkDivisor(node ast.Node) {
	b, ok := node.(*ast.BinaryNode)
	if !ok || b.Operator != "/" && b.Operator != "%" || !s.constants.is[b.Right] || s.fault != nil {
		return
	}
	if by := s.compute(b.Right); by.why == nil && zero(by.v) {
		s.fault = cannot(s.text, b.Right, "cannot be computed: division by zero", "")
	}
}

type visitor func(ast.Node)

func (v visitor) Visit(node *ast.Node) { v(*node) }

// inner are the parts directly inside one.
func inner(node ast.Node) []ast.Node {
	switch n := node.(type) {
	case *ast.UnaryNode:
		return []ast.Node{n.Node}
	case *ast.BinaryNode:
		return []ast.Node{n.Left, n.Right}
	case *ast.ArrayNode:
		return n.Nodes
	case *ast.ConditionalNode:
		return []ast.Node{n.Cond, n.Exp1, n.Exp2}
	case *ast.BuiltinNode:
		return n.Arguments
	case *ast.CallNode:
		return n.Arguments
	case *ast.PredicateNode:
		return []ast.Node{n.Node}
	case *ast.MemberNode:
		return []ast.Node{n.Node, n.Property}
	case *ast.VariableDeclaratorNode:
		return []ast.Node{n.Value, n.Expr}
	}
	return nil
}

// conditions are the parts of an expression between and, or and not.
func conditions(node ast.Node) []ast.Node {
	switch n := node.(type) {
	case *ast.BinaryNode:
		if slices.Contains([]string{"and", "&&", "or", "||"}, n.Operator) {
			return append(conditions(n.Left), conditions(n.Right)...)
		}
	case *ast.UnaryNode:
		if isNot(n) {
			return conditions(n.Node)
		}
	}
	return []ast.Node{node}
}

func usesOf(node ast.Node) mask {
	c := &checker{}
	ast.Walk(&node, c)
	return c.uses
}
