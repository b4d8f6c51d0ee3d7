package rule

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/vm/runtime"
)

func (in *interpreter) binary(n *ast.BinaryNode) value {
	switch n.Operator {
	case "and", "&&":
		return in.join(n, No)
	case "or", "||":
		return in.join(n, Yes)
	case "??":
		return in.eval(n.Left) // what is known is never nil
	}
	a, b := in.eval(n.Left), in.eval(n.Right)
	switch n.Operator {
	case "==":
		return ofTruth(in.equal(a, b))
	case "!=":
		t, why := in.equal(a, b)
		return ofTruth(Yes-t, why)
	case "in":
		return ofTruth(in.within(a, b))
	}
	if why := a.why.join(b.why); why != nil {
		return value{why: why}
	}
	if compare := order(n.Operator); compare != nil {
		return try(func() value { return known(compare(a.v, b.v)) })
	}
	switch n.Operator {
	case "..":
		v := spread(a.v, b.v)
		if l, ok := v.v.(list); ok {
			in.spend(len(l.items) / usualList)
		}
		return v
	case "+", "-", "*", "/", "%", "**", "^":
		if x, y := textLength(a.v), textLength(b.v); x+y > maxText {
			return cannotTell(fmt.Sprintf("a text of more than %d bytes", maxText))
		}
		in.spend((textLength(a.v) + textLength(b.v)) / bytesRead)
		return arithmetic(n.Operator, a.v, b.v)
	}
	return in.ofTexts(n, a.v, b.v)
}

func order(operator string) func(a, b any) bool {
	switch operator {
	case "<":
		return runtime.Less
	case "<=":
		return runtime.LessOrEqual
	case ">":
		return runtime.More
	case ">=":
		return runtime.MoreOrEqual
	}
	return nil
}

// ofTexts is an operator between two texts.
func (in *interpreter) ofTexts(n *ast.BinaryNode, a, b any) value {
	x, isText := a.(string)
	y, alsoText := b.(string)
	if !isText || !alsoText {
		return cannotTell(n.String())
	}
	in.spend(len(x) / bytesRead)
	switch n.Operator {
	case "contains":
		return known(strings.Contains(x, y))
	case "startsWith":
		return known(strings.HasPrefix(x, y))
	case "endsWith":
		return known(strings.HasSuffix(x, y))
	case "matches":
		if pattern := in.res[y]; pattern.Regexp != nil {
			in.spend(pattern.steps(len(x)))
			return known(pattern.MatchString(x))
		}
	}
	return cannotTell(n.String())
}

// join is and, or: either side alone settles it.
func (in *interpreter) join(n *ast.BinaryNode, settles Truth) value {
	a, why := in.truth(n.Left)
	if a == settles {
		return ofTruth(a, nil)
	}
	b, because := in.truth(n.Right)
	switch {
	case b == settles:
		return ofTruth(b, nil)
	case a == Unknown || b == Unknown:
		return value{why: why.join(because)}
	}
	return ofTruth(Yes-settles, nil)
}

func (in *interpreter) within(a, b value) (Truth, *cause) {
	if b.why != nil {
		return Unknown, a.why.join(b.why)
	}
	all, ok := b.v.(list)
	if !ok {
		return Unknown, cannotTell("in").why
	}
	out, why := No, (*cause)(nil)
	for _, item := range all.items {
		switch t, because := in.equal(a, item); t {
		case Yes:
			return Yes, nil
		case Unknown:
			out, why = Unknown, why.join(because)
		}
	}
	return out, why
}

func spread(a, b any) value {
	from, isInt := a.(int)
	to, alsoInt := b.(int)
	if !isInt || !alsoInt {
		return fail("a range needs whole numbers")
	}
	if to < from {
		return known(list{})
	}
	if size := uint64(to) - uint64(from); size >= maxList {
		return fail("a range of more than %d numbers", maxList)
	}
	items := make([]value, 0, to-from+1)
	for i := from; i <= to; i++ {
		items = append(items, known(i))
	}
	return known(list{items: items})
}

// arithmetic computes with known operands. A quotient by zero, an overflow and what is
// no finite number are unknown: such a value must never answer yes.
func arithmetic(operator string, a, b any) value {
	if zero(b) && (operator == "/" || operator == "%") {
		return cannotTell("division by zero")
	}
	return try(func() value {
		if whole(a) && whole(b) && tooLarge(operator, number(a), number(b)) {
			return cannotTell("overflow")
		}
		switch operator {
		case "+":
			return finite(runtime.Add(a, b))
		case "-":
			return finite(runtime.Subtract(a, b))
		case "*":
			return finite(runtime.Multiply(a, b))
		case "/":
			return finite(runtime.Divide(a, b))
		case "%":
			return finite(runtime.Modulo(a, b))
		}
		return finite(runtime.Exponent(a, b))
	})
}

// tooLarge is generous by a hair: a result that near the end of the whole numbers counts
// as beyond it.
func tooLarge(operator string, a, b float64) bool {
	switch operator {
	case "+":
		a += b
	case "-":
		a -= b
	case "*":
		a *= b
	default:
		return false
	}
	return math.Abs(a) >= 1<<63-1<<12
}

func finite(v any) value {
	switch v := v.(type) {
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return cannotTell("no finite number")
		}
	case time.Duration:
		if v == math.MaxInt64 || v == math.MinInt64 { // the span between two times stops there
			return cannotTell("overflow")
		}
	}
	return known(v)
}

func zero(v any) bool { return (whole(v) || isFloat(v)) && number(v) == 0 }

func whole(v any) bool {
	switch v.(type) {
	case int, time.Duration:
		return true
	}
	return false
}

func isFloat(v any) bool { _, ok := v.(float64); return ok }

func number(v any) float64 {
	switch v := v.(type) {
	case int:
		return float64(v)
	case time.Duration:
		return float64(v)
	case float64:
		return v
	}
	return math.NaN()
}

// maxText is how long a text may grow: a few times the longest one of an asset.
const maxText = 16_384

func textLength(v any) int {
	text, _ := v.(string)
	return len(text)
}
