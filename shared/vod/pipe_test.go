package vod_test

import (
	"context"
	"net"
	"net/http"
	"sync"
	"testing"

	"vodcurator/shared/vod"
)

// pipes is a network in memory, so that a test of time can run in a bubble of
// package synctest, where seconds cost nothing.
type pipes struct {
	conns chan net.Conn
	once  sync.Once
	done  chan struct{}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}
func (p *pipes) Close() error   { p.once.Do(func() { close(p.done) }); return nil }
func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipe"} }

func (p *pipes) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	here, there := net.Pipe()
	select {
	case p.conns <- there:
		return here, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// bubbleServer serves a handler over pipes; it must be called inside
// synctest.Test, and stop called before its end.
func bubbleServer(handler http.Handler, state func(net.Conn, http.ConnState)) (transport *http.Transport, stop func()) {
	p := &pipes{conns: make(chan net.Conn), done: make(chan struct{})}
	server := &http.Server{Handler: handler, ConnState: state}
	go func() { _ = server.Serve(p) }()
	transport = &http.Transport{DialContext: p.dial, MaxIdleConnsPerHost: 64}
	return transport, func() {
		transport.CloseIdleConnections()
		_ = server.Close()
	}
}

// inBubble is serve in a bubble.
func inBubble(t testing.TB, answer func(request) (int, string)) (s *service, client func(...func(*vod.Config)) *vod.Client, stop func()) {
	t.Helper()
	s = &service{answer: answer, open: map[net.Conn]bool{}}
	transport, stop := bubbleServer(s, s.connState)
	client = func(with ...func(*vod.Config)) *vod.Client {
		return s.limited(t, append([]func(*vod.Config){func(c *vod.Config) { c.Endpoint, c.HTTP = "http://vod.test", transport }}, with...)...)
	}
	return s, client, stop
}
