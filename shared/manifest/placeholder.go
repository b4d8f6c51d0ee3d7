package manifest

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// Variables are what the placeholders of a manifest may ask for.
type Variables struct {
	Account string                   // ${config('AccountID')}
	Env     func(name string) string // ${env(...)}; nil: every variable has its default
}

// resolver replaces the placeholders of Serverless Devs.
type resolver struct {
	tree, this map[string]any
	vars       Variables
	unresolved []string
}

var (
	placeholder = regexp.MustCompile(`\$\{([^{}]*)\}`)
	funcall     = regexp.MustCompile(`^(\w+)\(\s*(?:'([^']*)'|"([^"]*)"|([^'",\s]*))\s*(?:,\s*(?:'([^']*)'|"([^"]*)"|([^'",]*?))\s*)?\)$`)
)

const deepest = 10 // references that lead in a circle end here

func (r *resolver) resolve(node any, depth int) (any, error) {
	if depth > deepest {
		return nil, errors.New("variables refer to each other in a circle")
	}
	switch node := node.(type) {
	case map[string]any:
		out := make(map[string]any, len(node))
		for _, k := range slices.Sorted(maps.Keys(node)) {
			got, err := r.resolve(node[k], depth)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", k, err)
			}
			out[k] = got
		}
		return out, nil
	case []any:
		out := make([]any, len(node))
		for i, v := range node {
			got, err := r.resolve(v, depth)
			if err != nil {
				return nil, err
			}
			out[i] = got
		}
		return out, nil
	case string:
		return r.text(node, depth)
	}
	return node, nil
}

func (r *resolver) text(text string, depth int) (any, error) {
	if m := placeholder.FindStringSubmatch(text); m != nil && m[0] == text {
		return r.value(strings.TrimSpace(m[1]), depth) // alone: the value keeps its kind
	}
	var failed error
	out := placeholder.ReplaceAllStringFunc(text, func(m string) string {
		v, err := r.value(strings.TrimSpace(m[2:len(m)-1]), depth)
		if err != nil {
			failed = err
			return ""
		}
		return fmt.Sprint(v)
	})
	return out, failed
}

func (r *resolver) value(expr string, depth int) (any, error) {
	if m := funcall.FindStringSubmatch(expr); m != nil {
		name, arg, other := m[1], m[2]+m[3]+m[4], m[5]+m[6]+m[7]
		switch {
		case name == "env":
			if r.vars.Env != nil {
				if v := r.vars.Env(arg); v != "" {
					return v, nil
				}
			}
			return other, nil
		case name == "config" && arg == "AccountID":
			return r.vars.Account, nil
		}
		return r.leave(expr), nil
	}
	parts := strings.Split(expr, ".")
	var node any
	switch parts[0] {
	case "vars", "resources":
		node = r.tree
	case "this":
		node, parts = r.this, parts[1:]
	default:
		return r.leave(expr), nil
	}
	for _, p := range parts {
		m, ok := node.(map[string]any)
		if !ok {
			return nil, fmt.Errorf("${%s} leads nowhere", expr)
		}
		if node, ok = m[p]; !ok {
			return nil, fmt.Errorf("${%s} leads nowhere", expr)
		}
	}
	return r.resolve(node, depth+1)
}

// leave keeps a placeholder as it is and remembers that.
func (r *resolver) leave(expr string) string {
	text := "${" + expr + "}"
	if !slices.Contains(r.unresolved, text) {
		r.unresolved = append(r.unresolved, text)
	}
	return text
}
