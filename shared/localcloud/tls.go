package localcloud

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"sync"
	"time"
)

// certificate makes a key and a certificate of loopback for it, and writes the
// certificate, which clients have to trust, to a file. The key stays in memory.
func certificate(file string) (*tls.Config, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	about := &x509.Certificate{
		SerialNumber: big.NewInt(now.UnixNano()), Subject: pkix.Name{CommonName: "vodcurator local cloud"},
		NotBefore: now.Add(-time.Hour), NotAfter: now.AddDate(0, 1, 0), BasicConstraintsValid: true, IsCA: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
	}
	der, err := x509.CreateCertificate(rand.Reader, about, about, &key.PublicKey, key)
	if err != nil {
		return nil, err
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	if err := os.WriteFile(file, text, 0o600); err != nil {
		return nil, err
	}
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}, MinVersion: tls.VersionTLS12}, nil
}

// split sorts the connections of a listener by their first byte: those that begin a
// TLS handshake, and the others. Closing one of the two closes both.
func split(l net.Listener) (plain, secret net.Listener) {
	s := &splitter{Listener: l, ended: make(chan struct{}), waiting: map[net.Conn]bool{}}
	p, t := &face{s, make(chan net.Conn)}, &face{s, make(chan net.Conn)}
	go s.accept(p.conns, t.conns) // ends with the listener
	return p, t
}

type splitter struct {
	net.Listener
	ended chan struct{}
	once  sync.Once

	mu      sync.Mutex
	waiting map[net.Conn]bool // have sent nothing yet
}

func (s *splitter) accept(plain, secret chan<- net.Conn) {
	for {
		conn, err := s.Accept()
		if err != nil {
			_ = s.Close()
			return
		}
		s.mu.Lock()
		s.waiting[conn] = true
		s.mu.Unlock()
		select {
		case <-s.ended: // Close may have looked before this one was there
			_ = conn.Close()
		default:
		}
		go s.sort(conn, plain, secret)
	}
}

// handshake is the first byte of a TLS connection.
const handshake = 0x16

func (s *splitter) sort(conn net.Conn, plain, secret chan<- net.Conn) {
	first := make([]byte, 1)
	_, err := conn.Read(first)
	s.mu.Lock()
	delete(s.waiting, conn)
	s.mu.Unlock()
	if err != nil {
		_ = conn.Close()
		return
	}
	to := plain
	if first[0] == handshake {
		to = secret
	}
	select {
	case to <- &peeked{conn, first}:
	case <-s.ended:
		_ = conn.Close()
	}
}

func (s *splitter) Close() error {
	var err error
	s.once.Do(func() {
		close(s.ended)
		err = s.Listener.Close()
		s.mu.Lock()
		defer s.mu.Unlock()
		for conn := range s.waiting {
			_ = conn.Close()
		}
	})
	return err
}

// face is one side of a split listener.
type face struct {
	*splitter
	conns chan net.Conn
}

func (f *face) Accept() (net.Conn, error) {
	select {
	case conn := <-f.conns:
		return conn, nil
	case <-f.ended:
		return nil, net.ErrClosed
	}
}

// peeked is a connection whose first byte was read already.
type peeked struct {
	net.Conn
	first []byte
}

func (p *peeked) Read(b []byte) (int, error) {
	if len(p.first) == 0 || len(b) == 0 {
		return p.Conn.Read(b)
	}
	n := copy(b, p.first)
	p.first = p.first[n:]
	return n, nil
}
