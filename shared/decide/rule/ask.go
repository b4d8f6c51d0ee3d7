package rule

import (
	"errors"
	"slices"
)

// Truth is the answer of a condition in three-valued logic.
type Truth int8

// The answers. Not is Yes minus the answer, and is the smaller, or the greater.
const (
	No Truth = iota
	Unknown
	Yes
)

// String is no, unknown or yes.
func (t Truth) String() string {
	switch t {
	case No:
		return "no"
	case Yes:
		return "yes"
	}
	return "unknown"
}

// Ask evaluates for removal: facts that are unknown or do not apply make Unknown;
// missing names them, such as "duration" or "streams[1].height", sorted, and is only
// set for Unknown. It also names what cannot be computed from known facts, such as
// "division by zero" or "streams (none)". An error comes with Unknown: it is never a
// match.
func (p *Program) Ask(f *Facts) (t Truth, missing []string, err error) {
	m := NewMachine()
	defer m.Free()
	return m.Ask(p, f)
}

// Ask is Program.Ask on this machine.
func (m *Machine) Ask(p *Program, f *Facts) (t Truth, missing []string, err error) {
	t, why, err := m.ask(p, f)
	if why == nil {
		return t, nil, err
	}
	return Unknown, why.list(), why.err
}

func (m *Machine) ask(p *Program, f *Facts) (Truth, *cause, error) {
	if p.quick(f) {
		switch holds, err := m.run(p.whole, f); {
		case err != nil:
			return Unknown, nil, err
		case holds:
			return Yes, nil, nil
		}
		return No, nil, nil
	}
	t, why := interpret(p.tree, p.patterns, f)
	return t, why, nil
}

// quick says that the machine of the expression language answers as the interpreter does.
func (p *Program) quick(f *Facts) bool {
	return p.fast && p.uses&(f.missing|f.never) == 0 && (p.shape == shape{} || p.shape.fits(f))
}

// Eval is Machine.Eval with a machine of its own.
func (p *Program) Eval(f *Facts) (matched, waiting bool, err error) {
	m := NewMachine()
	defer m.Free()
	return m.Eval(p, f)
}

// Eval asks whether the expression holds. When it uses a fact that is not known yet and
// the rest does not settle it, it is waiting and does not match. With a fact that does
// not apply it neither matches nor waits. An error is never a match either.
func (m *Machine) Eval(p *Program, f *Facts) (matched, waiting bool, err error) {
	if p.quick(f) {
		matched, err = m.run(p.whole, f)
		return matched && err == nil, false, err
	}
	switch t, why := interpret(p.tree, p.patterns, f); {
	case t != Unknown:
		return t == Yes, false, nil
	case why.waits:
		return false, true, nil
	default:
		return false, false, why.err
	}
}

// cause is why a value is unknown. It is never changed once it is made.
type cause struct {
	facts mask     // missing or not applicable
	other []string // fields of streams, and what cannot be computed
	waits bool     // one of them may come to be known
	err   error    // a fault of the expression, or the first of them
}

// join is both causes; nil is none.
func (c *cause) join(d *cause) *cause {
	switch {
	case c == nil || c == d:
		return d
	case d == nil:
		return c
	}
	out := &cause{facts: c.facts | d.facts, other: c.other, waits: c.waits || d.waits, err: cmpErr(c.err, d.err)}
	for _, name := range d.other {
		if !slices.Contains(out.other, name) {
			out.other = append(slices.Clip(out.other), name)
		}
	}
	return out
}

func (c *cause) list() []string {
	names := append(c.facts.names(), c.other...)
	slices.Sort(names)
	return names
}

func cmpErr(a, b error) error {
	if a != nil {
		return a
	}
	return b
}

// Part is one condition of an expression, and what became of it: "yes", "no",
// "waiting" (for a fact that may come), "unknown" (a fact does not apply, or the value
// cannot be computed) or "error: …". Values holds the facts it looked at, Missing what
// was not known of them.
type Part struct {
	Text    string         `json:"text"`
	Result  string         `json:"result"`
	Values  map[string]any `json:"values,omitempty"`
	Missing []string       `json:"missing,omitempty"`
}

// Explain takes the expression apart at and, or and not, and tells for every
// condition what it came to and with which values.
func (p *Program) Explain(f *Facts) []Part {
	var all []Part
	for _, node := range conditions(p.tree) {
		part := Part{Text: node.String(), Values: map[string]any{}}
		for _, name := range usesOf(node).names() {
			if v, known := Value(f, name); known {
				part.Values[name] = v
			} else {
				part.Values[name] = nil
			}
		}
		t, why := interpret(node, p.patterns, f)
		part.Result = t.String()
		if t == Unknown {
			part.Missing = why.list()
			switch {
			case why.waits:
				part.Result = "waiting"
			case why.err != nil:
				part.Result = "error: " + why.err.Error()
			}
		}
		all = append(all, part)
	}
	return all
}

var errTooLong = errors.New("takes too many steps")
