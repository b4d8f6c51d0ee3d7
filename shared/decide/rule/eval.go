package rule

import (
	"fmt"
	"math"
	"slices"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/vm/runtime"
)

// The bounds of one evaluation: of steps, which take about a tenth of a microsecond each,
// and of the values in one list. What is reckoned with lists of the usual length must stay
// well below what is allowed with those of an asset.
const (
	maxSteps  = 20_000
	lastSteps = 3 * maxSteps
	maxList   = 10_000
)

// value is what a part of an expression comes to: v when why is nil, otherwise unknown
// because of why. Known are int, float64, string, bool, time.Time, time.Duration, list
// and streamAt.
type value struct {
	v   any
	why *cause
}

// list is a list of known length whose elements may be unknown. One that came out of
// the streams says so: nothing is concluded from such a list when it is empty.
type list struct {
	items   []value
	streams bool
}

// streamAt is the stream with that number.
type streamAt int

func known(v any) value { return value{v: v} }

func fail(format string, args ...any) value {
	return value{why: &cause{err: fmt.Errorf(format, args...)}}
}

// cannotTell is a value that known facts do not give, such as a quotient by zero.
func cannotTell(what string) value { return value{why: &cause{other: []string{what}}} }

// interpreter evaluates one expression in Kleene's three-valued logic. It is the slow
// way: the machine of the expression language is asked first when all that an
// expression could look at is known.
type interpreter struct {
	f     *Facts
	res   patterns
	steps int
	names []string // of let, innermost last
	lets  []value
	at    []value // the elements of all, any, map, …, innermost last
}

// interpret is the truth of a condition, and why it is unknown if it is.
func interpret(node ast.Node, res patterns, f *Facts) (Truth, *cause) {
	in := interpreter{f: f, res: res}
	return truthOf(in.safe(node))
}

// safe is eval; what ends it early is an error.
func (in *interpreter) safe(node ast.Node) (v value) {
	defer func() {
		if p := recover(); p != nil {
			v = fail("%v", p)
		}
	}()
	return in.eval(node)
}

func (in *interpreter) truth(node ast.Node) (Truth, *cause) { return truthOf(in.eval(node)) }

func truthOf(v value) (Truth, *cause) {
	if v.why != nil {
		return Unknown, v.why
	}
	switch holds, ok := v.v.(bool); {
	case !ok:
		return Unknown, fail("%T is neither yes nor no", v.v).why
	case holds:
		return Yes, nil
	}
	return No, nil
}

func ofTruth(t Truth, why *cause) value {
	if t == Unknown {
		return value{why: why}
	}
	return known(t == Yes)
}

// spend counts steps, and ends an evaluation that takes too many.
func (in *interpreter) spend(steps int) {
	if in.steps += steps; in.steps > lastSteps {
		panic(errTooLong)
	}
}

func (in *interpreter) eval(node ast.Node) value {
	in.spend(1)
	switch n := node.(type) {
	case *ast.IntegerNode:
		return known(n.Value)
	case *ast.FloatNode:
		return known(n.Value)
	case *ast.StringNode:
		return known(n.Value)
	case *ast.BoolNode:
		return known(n.Value)
	case *ast.IdentifierNode:
		return in.name(n.Value)
	case *ast.PointerNode:
		return in.at[len(in.at)-1] // the compiler knows none with a name, and none outside
	case *ast.UnaryNode:
		return in.unary(n)
	case *ast.BinaryNode:
		return in.binary(n)
	case *ast.ChainNode:
		return in.eval(n.Node)
	case *ast.MemberNode:
		return in.member(n)
	case *ast.SliceNode:
		return in.slice(n)
	}
	return in.compound(node)
}

// compound is eval of what has parts of any number.
func (in *interpreter) compound(node ast.Node) value {
	switch n := node.(type) {
	case *ast.ArrayNode:
		items := make([]value, len(n.Nodes))
		for i, item := range n.Nodes {
			items[i] = in.eval(item)
		}
		return known(list{items: items})
	case *ast.ConditionalNode:
		return in.conditional(n)
	case *ast.VariableDeclaratorNode:
		v := in.eval(n.Value)
		in.names, in.lets = append(in.names, n.Name), append(in.lets, v)
		out := in.eval(n.Expr)
		in.names, in.lets = in.names[:len(in.names)-1], in.lets[:len(in.lets)-1]
		return out
	case *ast.SequenceNode:
		out := cannotTell("an empty sequence")
		for _, one := range n.Nodes {
			out = in.eval(one)
		}
		return out
	}
	if name, args := called(node); name != "" {
		return in.call(name, args)
	}
	return cannotTell(node.String())
}

// name is a variable or a fact.
func (in *interpreter) name(name string) value {
	for i := len(in.names) - 1; i >= 0; i-- {
		if in.names[i] == name {
			return in.lets[i]
		}
	}
	b, ok := bit[name]
	if !ok {
		return cannotTell(name)
	}
	if (in.f.missing|in.f.never)&b != 0 {
		return value{why: &cause{facts: b, waits: in.f.missing&b != 0}}
	}
	v, _ := Value(in.f, name)
	switch v := v.(type) {
	case []string:
		in.spend(len(v) / usualList)
		items := make([]value, len(v))
		for i, text := range v {
			items[i] = known(text)
		}
		return known(list{items: items})
	case []Stream:
		in.spend(len(v) / usualList)
		items := make([]value, len(v))
		for i := range v {
			items[i] = known(streamAt(i))
		}
		return known(list{items: items, streams: true})
	}
	return known(v)
}

func (in *interpreter) member(n *ast.MemberNode) value {
	from, key := in.eval(n.Node), in.eval(n.Property)
	if from.why != nil || key.why != nil {
		return value{why: from.why.join(key.why)}
	}
	switch v := from.v.(type) {
	case streamAt:
		if name, ok := key.v.(string); ok && streamBit[name] != 0 {
			return in.field(v, name)
		}
	case list:
		i, ok := key.v.(int)
		if !ok {
			break
		}
		if i < 0 {
			i += len(v.items)
		}
		if i < 0 || i >= len(v.items) {
			return fail("index out of range: %d (array length is %d)", i, len(v.items))
		}
		return v.items[i]
	}
	return cannotTell(n.String())
}

func (in *interpreter) field(at streamAt, name string) value {
	s, b := &in.f.Streams[at], streamBit[name]
	if (s.missing|s.never)&b != 0 {
		return value{why: &cause{other: []string{streamField(int(at), name)}, waits: s.missing&b != 0}}
	}
	switch name {
	case "width":
		return known(s.Width)
	case "height":
		return known(s.Height)
	case "size":
		return known(s.Size)
	case "bitrate":
		return known(s.Bitrate)
	case "fps":
		return known(s.FPS)
	case "age_days":
		return known(s.AgeDays)
	case "encrypted":
		return known(s.Encrypted)
	case "job":
		return known(s.Job)
	case "definition":
		return known(s.Definition)
	case "format":
		return known(s.Format)
	case "codec":
		return known(s.Codec)
	case "status":
		return known(s.Status)
	}
	return cannotTell(name)
}

func (in *interpreter) slice(n *ast.SliceNode) value {
	of, from, to := in.eval(n.Node), known(0), known(math.MaxInt)
	if n.From != nil {
		from = in.eval(n.From)
	}
	if n.To != nil {
		to = in.eval(n.To)
	}
	if why := of.why.join(from.why).join(to.why); why != nil {
		return value{why: why}
	}
	if l, ok := of.v.(list); ok {
		return try(func() value {
			return known(list{items: runtime.Slice(l.items, from.v, to.v).([]value), streams: l.streams})
		})
	}
	if _, ok := of.v.(string); !ok {
		return cannotTell(n.String())
	}
	return try(func() value { return known(runtime.Slice(of.v, from.v, to.v)) })
}

// try makes an unknown value of a panic of the expression language.
func try(f func() value) (v value) {
	defer func() {
		if p := recover(); p != nil {
			v = fail("%v", p)
		}
	}()
	return f()
}

// conditional takes the branch that the condition chooses. When that is unknown the
// value is known only if both branches agree.
func (in *interpreter) conditional(n *ast.ConditionalNode) value {
	t, why := in.truth(n.Cond)
	switch t {
	case Yes:
		return in.eval(n.Exp1)
	case No:
		return in.eval(n.Exp2)
	}
	a, b := in.eval(n.Exp1), in.eval(n.Exp2)
	if same, _ := in.equal(a, b); same == Yes {
		if _, isList := a.v.(list); !isList {
			return a
		}
	}
	for _, branch := range []value{a, b} { // a fault in a branch that is not taken is none
		if branch.why != nil && branch.why.err == nil {
			why = why.join(branch.why)
		}
	}
	return value{why: why}
}

func (in *interpreter) unary(n *ast.UnaryNode) value {
	v := in.eval(n.Node)
	switch n.Operator {
	case "not", "!":
		t, why := truthOf(v)
		return ofTruth(Yes-t, why)
	case "+":
		return v
	case "-":
		if v.why != nil {
			return v
		}
		if i, ok := v.v.(int); ok && i == math.MinInt {
			return cannotTell("overflow")
		}
		return try(func() value { return known(runtime.Negate(v.v)) })
	}
	return cannotTell(n.String())
}

// equal compares two known values. Lists are compared element by element, and are
// different when their lengths are.
func (in *interpreter) equal(a, b value) (Truth, *cause) {
	in.spend(1)
	if why := a.why.join(b.why); why != nil {
		return Unknown, why
	}
	switch x := a.v.(type) {
	case list:
		y, ok := b.v.(list)
		if !ok || len(x.items) != len(y.items) {
			return No, nil
		}
		out, why := Yes, (*cause)(nil)
		for i := range x.items {
			switch t, because := in.equal(x.items[i], y.items[i]); t {
			case No:
				return No, nil
			case Unknown:
				out, why = Unknown, why.join(because)
			}
		}
		return out, why
	case streamAt:
		y, ok := b.v.(streamAt)
		if !ok {
			return No, nil
		}
		for _, noun := range streamNouns {
			switch t, why := in.equal(in.field(x, noun.Name), in.field(y, noun.Name)); t {
			case Unknown:
				return Unknown, why
			case No:
				return No, nil
			}
		}
		return Yes, nil
	}
	if slices.ContainsFunc([]any{a.v, b.v}, func(v any) bool { _, isList := v.(list); return isList }) {
		return No, nil
	}
	return truthOf(try(func() value { return known(runtime.Equal(a.v, b.v)) }))
}
