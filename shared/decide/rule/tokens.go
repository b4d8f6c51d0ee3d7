package rule

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/goccy/go-yaml/scanner"
	"github.com/goccy/go-yaml/token"
)

// Each token takes the parser 300 bytes and more, and each value left empty time in
// proportion to all tokens.
const (
	maxTokens = 300_000 // 4,000 rules have 90,000
	maxEmpty  = 1_000
)

// tokens takes a text apart. It stops at the line where there are too many.
func tokens(text string) (all token.Tokens, line int, message string) {
	if strings.Count(text, ",")+strings.Count(text, "*")+strings.Count(text, "&") > maxTokens { // the scanner takes a line at once
		return nil, 1, fmt.Sprintf("more than %d words and signs", maxTokens)
	}
	var s scanner.Scanner
	s.Init(text)
	var e empties
	for {
		some, err := s.Scan()
		if errors.Is(err, io.EOF) {
			return all, 0, ""
		}
		for _, t := range some {
			switch {
			case t.Type == token.CommentType:
			case e.next(t) > maxEmpty:
				return nil, t.Position.Line, fmt.Sprintf("more than %d values are left empty", maxEmpty)
			}
		}
		if all.Add(some...); len(all) > maxTokens {
			return nil, all[len(all)-1].Position.Line, fmt.Sprintf("more than %d words and signs", maxTokens)
		}
	}
}

// empties counts the keys and entries of lists that have no value.
type empties struct {
	count       int
	open        []flow
	last, older *token.Token // before this one
}

// flow is a list or a mapping in brackets, up to its last comma.
type flow struct{ mapping, key, colon bool }

// next takes the next token and says how many were empty before it.
func (e *empties) next(t *token.Token) int {
	e.before(t)
	top := &flow{}
	if len(e.open) > 0 {
		top = &e.open[len(e.open)-1]
	}
	switch t.Type {
	case token.MappingStartType, token.SequenceStartType:
		top.key = true
		e.open = append(e.open, flow{mapping: t.Type == token.MappingStartType})
	case token.MappingEndType, token.SequenceEndType, token.CollectEntryType:
		if top.mapping && top.key && !top.colon {
			e.count++
		}
		top.key, top.colon = false, false
		if t.Type != token.CollectEntryType && len(e.open) > 0 {
			e.open = e.open[:len(e.open)-1]
		}
	case token.MappingValueType:
		top.colon = true
	default:
		top.key = true
	}
	e.older, e.last = e.last, t
	return e.count
}

// before counts the token before this one if it begins a value and none follows.
func (e *empties) before(t *token.Token) {
	if e.last == nil {
		return
	}
	begin := e.last.Position.Column
	switch {
	case e.last.Type == token.MappingValueType && e.older != nil:
		begin = e.older.Position.Column
		if t.Type == token.SequenceEntryType && t.Position.Column == begin {
			return
		}
	case e.last.Type != token.SequenceEntryType:
		return
	}
	ends := t.Type == token.CollectEntryType || t.Type == token.MappingEndType || t.Type == token.SequenceEndType
	if ends || len(e.open) == 0 && t.Position.Line > e.last.Position.Line && t.Position.Column <= begin {
		e.count++
	}
}
