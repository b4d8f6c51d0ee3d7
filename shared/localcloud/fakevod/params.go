package fakevod

import (
	"fmt"
	"math"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// param is one parameter of an operation and all that the gateway checks of it. What
// an operation's list does not have is not emulated, and refused by its name.
type param struct {
	name     string
	kind     string // text, number, one of, some of, list, time, JSON
	required bool
	values   []string // of one of and some of; the first of the former stands for an absent one
	// otherwise stands for an absent number; least and most are its bounds.
	otherwise, least, most int64
	length                 int  // of a text, 0: any
	items                  int  // of a list, 0: any
	each                   int  // length of a list's item
	bytes                  bool // length and each count bytes; default characters
	plain                  bool // emoji and control characters are refused
	tooMany                string
	wrong                  *fault // of a wrong value; nil: InvalidParameter
}

// many is the bound of a number that has none.
const many = math.MaxInt64 / 2

func str(name string) param { return param{name: name, kind: "text"} }

func num(name string, otherwise, least, most int64) param {
	return param{name: name, kind: "number", otherwise: otherwise, least: least, most: most}
}

func oneOf(name string, values ...string) param {
	return param{name: name, kind: "one of", values: values}
}

func someOf(name string, values ...string) param {
	return param{name: name, kind: "some of", values: values}
}

// list is one of ids: no operation takes more than 20.
func list(name string) param {
	return param{name: name, kind: "list", items: 20, tooMany: name + "ExceededMax"}
}

func when(name string) param { return param{name: name, kind: "time"} }

// words is a text that people read.
func words(name string, length int) param {
	return param{name: name, kind: "text", length: length, plain: true}
}

func tags(name string) param {
	return param{name: name, kind: "list", items: maxTags, each: maxTag, plain: true, tooMany: "TagsExceededMax"}
}

func (p param) must() param               { p.required = true; return p }
func (p param) inBytes() param            { p.bytes = true; return p }
func (p param) upTo(length int) param     { p.length = length; return p }
func (p param) atMost(items int) param    { p.items = items; return p }
func (p param) otherFault(f *fault) param { p.wrong = f; return p }

// String is the row as a report prints it.
func (p param) String() string {
	out := p.name + ": " + p.kind
	unit := map[bool]string{true: " bytes", false: " characters"}[p.bytes]
	switch {
	case len(p.values) > 0:
		out += " " + strings.Join(p.values, "|")
	case p.kind == "number":
		out += fmt.Sprintf(" ≥ %d", p.least)
		if p.most < many {
			out += fmt.Sprintf(", ≤ %d", p.most)
		}
	case p.length > 0:
		out += fmt.Sprint(" ≤ ", p.length, unit)
	}
	if p.items > 0 {
		out += fmt.Sprint(" ≤ ", p.items)
	}
	if p.each > 0 {
		out += fmt.Sprint(" of ", p.each, unit)
	}
	if p.plain {
		out += ", no emoji"
	}
	if p.required {
		out += ", required"
	}
	return out
}

// check refuses a value that was sent; "" counts as not sent.
func (p param) check(value string) *fault {
	wrong := p.wrong
	if wrong == nil {
		wrong = invalidParam(p.name)
	}
	if p.plain && pictured(value) {
		return illegal(p.name)
	}
	if p.kind == "list" {
		return p.checkList(value)
	}
	if !p.fits(value) {
		return wrong
	}
	if p.length == 0 || p.size(value) <= p.length {
		return nil
	}
	if p.wrong != nil {
		return p.wrong
	}
	return tooLong(p.name, p.length)
}

// fits says whether a value is of the parameter's kind and within its bounds.
func (p param) fits(value string) bool {
	switch p.kind {
	case "number":
		n, err := strconv.ParseInt(value, 10, 64)
		return err == nil && n >= p.least && n <= p.most
	case "one of":
		return slices.Contains(p.values, value)
	case "some of":
		return !slices.ContainsFunc(distinct(value), func(v string) bool { return !slices.Contains(p.values, v) })
	case "time":
		_, err := time.Parse(wireTime, value)
		return err == nil
	}
	return true
}

func (p param) checkList(value string) *fault {
	if p.each > 0 { // tags: empty ones and repetitions count
		all := strings.Split(value, ",")
		if len(all) > p.items {
			return refuse(400, p.tooMany, fmt.Sprint("The specified Tags count has exceeded ", p.items, "."))
		}
		for _, v := range all {
			if p.size(v) > p.each {
				return tooLong(p.name, p.each)
			}
		}
		return nil
	}
	all := distinct(value)
	if p.required && len(all) == 0 {
		return missingParam(p.name)
	}
	if p.items > 0 && len(all) > p.items {
		if p.wrong != nil {
			return p.wrong
		}
		return refuse(400, p.tooMany, "The "+p.name+" exceeded maximum.")
	}
	return nil
}

func (p param) size(v string) int {
	if p.bytes {
		return len(v)
	}
	return utf8.RuneCountInString(v)
}

// distinct are the elements of a comma separated list, without empty ones and repetitions.
func distinct(value string) (out []string) {
	for id := range strings.SplitSeq(value, ",") {
		if id = strings.TrimSpace(id); id != "" && !slices.Contains(out, id) {
			out = append(out, id)
		}
	}
	return out
}

// ofEveryCall are parameters that any call may bring: those of the gateway, and
// account numbers of older clients, which change nothing.
var ofEveryCall = strings.Fields(`Action Version Format AccessKeyId Signature SignatureMethod SignatureVersion SignatureNonce SignatureType Timestamp
	SecurityToken BearerToken RegionId OwnerId OwnerAccount ResourceOwnerId ResourceOwnerAccount ResourceRealOwnerId`)

// checkParams looks at everything that a call brings, in the order of the row.
func (s *Server) checkParams(c *call, row operation) *fault {
	for _, name := range sortedNames(c.q) { // a client in Go sends null for a list that is not set
		known := slices.ContainsFunc(row.params, func(p param) bool { return p.name == name })
		if v := c.q.Get(name); !known && v != "" && v != "null" && !slices.Contains(ofEveryCall, name) {
			return refuse(501, "NotImplemented", "The parameter "+name+" of "+c.op+" is not emulated.")
		}
	}
	for _, p := range row.params {
		value := c.q.Get(p.name)
		p.bytes = p.bytes || s.opt.CreateInBytes
		switch {
		case strings.HasPrefix(p.name, "UpdateContent[]."): // edit.check
		case value != "":
			if refused := p.check(value); refused != nil {
				return refused
			}
		case p.required:
			return missingParam(p.name)
		}
	}
	return nil
}

func sortedNames(q url.Values) []string {
	names := make([]string, 0, len(q))
	for name := range q {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// What follows reads parameters that the gateway has checked against the row.

func (c *call) param(name string) param {
	for _, p := range c.row.params {
		if p.name == name {
			return p
		}
	}
	panic(c.op + " has no parameter " + name) // a slip in the table
}

func (c *call) number(name string) int64 {
	n, err := strconv.ParseInt(c.q.Get(name), 10, 64)
	if err != nil {
		return c.param(name).otherwise
	}
	return n
}

func (c *call) choice(name string) string {
	if v := c.q.Get(name); v != "" {
		return v
	}
	return c.param(name).values[0]
}

// time is zero when it was not sent.
func (c *call) time(name string) time.Time {
	t, _ := time.Parse(wireTime, c.q.Get(name))
	return t
}

func (c *call) list(name string) []string { return distinct(c.q.Get(name)) }

// wants says whether a list that a caller may give leaves a value in.
func (c *call) wants(name, value string) bool {
	given := c.q.Get(name)
	return given == "" || slices.Contains(strings.Split(given, ","), value)
}

// Parameter is a row of the table of parameters, for reports.
type Parameter struct{ Operation, Name, Row string }

// Parameters lists what each operation takes and what is checked of it.
func Parameters() []Parameter {
	var out []Parameter
	for _, op := range Operations() {
		for _, p := range operations[op].params {
			out = append(out, Parameter{op, p.name, p.String()})
		}
	}
	return out
}
