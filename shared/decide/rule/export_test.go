package rule

// Slow is what the interpreter alone answers, and what was missing.
func Slow(p *Program, f *Facts) (Truth, []string, error) {
	t, why := interpret(p.tree, p.patterns, f)
	if why != nil {
		return t, why.list(), why.err
	}
	return t, nil, nil
}

// Quick is what the machine of the expression language alone answers, and whether it
// would be asked.
func Quick(p *Program, f *Facts) (holds, asked bool, err error) {
	m := NewMachine()
	defer m.Free()
	holds, err = m.run(p.whole, f)
	return holds, p.quick(f), err
}

// Steps evaluates the slow way, and counts.
func Steps(p *Program, f *Facts) (Truth, int) {
	in := interpreter{f: f, res: p.patterns}
	t, _ := truthOf(in.safe(p.tree))
	return t, in.steps
}

// WithoutCase is for the comparison with Unicode's own tables.
var WithoutCase = withoutCase
