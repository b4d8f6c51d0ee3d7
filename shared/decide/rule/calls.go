package rule

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/vm/runtime"
)

// call evaluates a function of the language or one of ours.
func (in *interpreter) call(name string, args []ast.Node) value {
	switch name {
	case "all", "any", "none", "one", "filter", "map", "count", "sum":
		return in.overList(name, args)
	}
	values := make([]value, len(args))
	var why *cause
	for i, arg := range args {
		values[i] = in.eval(arg)
		why = why.join(values[i].why)
	}
	if name == "mentions" || name == "has_word" {
		in.spend(textLength(values[0].v) / bytesFolded)
		for _, arg := range args[1:] {
			in.spend(wordSteps(arg, textLength(values[0].v)))
		}
		return wordCall(name, values)
	}
	if why != nil {
		return value{why: why}
	}
	if len(values) == 0 {
		return cannotTell(name + "()")
	}
	switch name {
	case "min", "max":
		return extreme(name, values)
	case "len":
		return length(values[0].v)
	case "string":
		return in.asText(values[0].v)
	}
	for _, v := range values {
		in.spend(textLength(v.v) / bytesFolded)
	}
	plain := make([]any, len(values))
	for i, v := range values {
		plain[i] = v.v
	}
	return try(func() value { return simple(name, plain) })
}

// overList is a function that looks at every element of a list.
func (in *interpreter) overList(name string, args []ast.Node) value {
	over := in.eval(args[0])
	if over.why != nil {
		return over
	}
	all, ok := over.v.(list)
	if !ok {
		return cannotTell(name)
	}
	if len(all.items) == 0 {
		if v, settled := overNothing(name, args[0], all.streams); settled {
			return v
		}
	}
	results := make([]value, len(all.items))
	for i, item := range all.items {
		results[i] = item
		if len(args) == 2 {
			results[i] = in.predicate(args[1], item)
		}
		if t, _ := truthOf(results[i]); name == "all" && t == No || (name == "any" || name == "none") && t == Yes {
			return known(name == "any")
		}
	}
	switch name {
	case "map":
		return known(list{items: results, streams: all.streams})
	case "sum":
		return sum(results)
	case "filter":
		return filtered(all, results)
	}
	return counted(name, results)
}

// overNothing keeps an empty list from answering yes to what it was never asked:
// nothing holds for all of none, and nothing follows from streams that are not there.
func overNothing(name string, over ast.Node, streams bool) (value, bool) {
	fact, direct := over.(*ast.IdentifierNode)
	direct = direct && fact.Value == "streams"
	quantifier := slices.Contains([]string{"all", "any", "none", "one"}, name)
	switch {
	case streams && (direct || quantifier):
		return cannotTell("streams (none)"), true
	case name == "all":
		what := "list"
		if fact != nil {
			what = fact.Value
		}
		return cannotTell(what + " (none)"), true
	}
	return value{}, false
}

func (in *interpreter) predicate(node ast.Node, item value) value {
	if p, ok := node.(*ast.PredicateNode); ok {
		node = p.Node
	}
	in.at = append(in.at, item)
	v := in.eval(node)
	in.at = in.at[:len(in.at)-1]
	return v
}

func filtered(all list, results []value) value {
	var why *cause
	out := list{streams: all.streams}
	for i, v := range results {
		switch t, because := truthOf(v); t {
		case Yes:
			out.items = append(out.items, all.items[i])
		case Unknown:
			why = why.join(because)
		}
	}
	if why != nil {
		return value{why: why}
	}
	return known(out)
}

// counted is count, one, and what all, any and none come to when no single element
// settled them.
func counted(name string, results []value) value {
	yes, why := 0, (*cause)(nil)
	for _, v := range results {
		switch t, because := truthOf(v); t {
		case Yes:
			yes++
		case Unknown:
			why = why.join(because)
		}
	}
	if name == "one" && yes > 1 {
		return known(false)
	}
	if why != nil {
		return value{why: why}
	}
	switch name {
	case "count":
		return known(yes)
	case "one":
		return known(yes == 1)
	}
	return known(name != "any") // all held, or none did
}

func sum(items []value) value {
	total := known(0)
	for _, item := range items {
		if item.why != nil {
			total.why = total.why.join(item.why)
		}
	}
	for _, item := range items {
		if total.why != nil {
			return total
		}
		total = arithmetic("+", item.v, total.v)
	}
	return total
}

// extreme is min or max of numbers and lists of them.
func extreme(name string, values []value) value {
	var out any
	for _, v := range values {
		if v.why != nil {
			return v
		}
		if l, ok := v.v.(list); ok {
			if len(l.items) == 0 {
				continue
			}
			if v = extreme(name, l.items); v.why != nil {
				return v
			}
		}
		if !whole(v.v) && !isFloat(v.v) {
			return fail("invalid argument for %s (type %T)", name, v.v)
		}
		better := out == nil || name == "max" && runtime.Less(out, v.v) || name == "min" && runtime.More(out, v.v)
		if better {
			out = v.v
		}
	}
	if out == nil {
		return cannotTell(name + " of nothing")
	}
	return known(out)
}

func length(v any) value {
	switch v := v.(type) {
	case list:
		return known(len(v.items))
	case string:
		return known(utf8.RuneCountInString(v))
	}
	return fail("invalid argument for len (type %T)", v)
}

func (in *interpreter) asText(v any) value {
	in.spend(1)
	l, ok := v.(list)
	if !ok {
		if _, ok := v.(streamAt); ok {
			return cannotTell("string of a stream")
		}
		return known(fmt.Sprint(v))
	}
	texts := make([]string, len(l.items))
	for i, item := range l.items {
		text := item
		if text.why == nil {
			text = in.asText(item.v)
		}
		if text.why != nil {
			return text
		}
		texts[i] = text.v.(string)
	}
	return known("[" + strings.Join(texts, " ") + "]")
}

// simple are the functions of known single values. A wrong type panics, as in the
// expression language: try makes a fault of it.
func simple(name string, args []any) value {
	switch name {
	case "days":
		return ofDays(args[0])
	case "date":
		day, err := time.Parse(time.DateOnly, args[0].(string))
		if err != nil {
			return fail("%v", err)
		}
		return known(day)
	case "lower":
		return known(strings.ToLower(args[0].(string)))
	case "upper":
		return known(strings.ToUpper(args[0].(string)))
	case "trim":
		if len(args) == 2 {
			return known(strings.Trim(args[0].(string), args[1].(string)))
		}
		return known(strings.TrimSpace(args[0].(string)))
	case "split":
		return split(args)
	case "abs":
		return magnitude(args[0])
	case "ceil":
		return finite(math.Ceil(runtime.ToFloat64(args[0])))
	case "floor":
		return finite(math.Floor(runtime.ToFloat64(args[0])))
	case "round":
		return finite(math.Round(runtime.ToFloat64(args[0])))
	case "int":
		return asInt(args[0])
	case "float":
		return asFloat(args[0])
	}
	return cannotTell(name)
}

func split(args []any) value {
	n := -1
	if len(args) == 3 {
		n = runtime.ToInt(args[2])
	}
	var items []value
	for _, text := range strings.SplitN(args[0].(string), args[1].(string), n) {
		items = append(items, known(text))
	}
	return known(list{items: items})
}

func magnitude(v any) value {
	i, ok := v.(int)
	switch {
	case !ok:
		return known(math.Abs(v.(float64)))
	case i == math.MinInt:
		return cannotTell("overflow")
	}
	return known(max(i, -i))
}

func asFloat(v any) value {
	if text, ok := v.(string); ok {
		f, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return fail("invalid operation: float(%s)", text)
		}
		return finite(f)
	}
	return finite(runtime.ToFloat64(v))
}

func asInt(v any) value {
	switch v := v.(type) {
	case string:
		i, err := strconv.Atoi(v)
		if err != nil {
			return fail("invalid operation: int(%s)", v)
		}
		return known(i)
	case float64:
		if !(math.Abs(v) < 1<<63-1<<12) {
			return cannotTell("overflow")
		}
		return known(int(v))
	}
	return known(runtime.ToInt(v))
}

// ofDays is a span of time; one of three centuries or more cannot be computed.
func ofDays(v any) value {
	days := runtime.ToFloat64(v)
	if !(math.Abs(days) < 100_000) {
		return cannotTell("overflow")
	}
	return known(span(days))
}

// wordCall asks mentions or has_word: one known word that is found settles it.
func wordCall(name string, args []value) value {
	if args[0].why != nil {
		return args[0]
	}
	var why *cause
	for _, arg := range args[1:] {
		if arg.why != nil {
			why = why.join(arg.why)
		} else if anyOf([]any{args[0].v, arg.v}, name == "has_word") {
			return known(true)
		}
	}
	if why != nil {
		return value{why: why}
	}
	return known(false)
}
