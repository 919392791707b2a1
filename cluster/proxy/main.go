// Command proxy stands between the nodes of a test cluster and what they need, and fails when it is
// told to.
//
//	proxy -control SOCKET NAME,LISTEN,TARGET...
//
// Each route listens on an address and leads to another. A target HOST:PORT is reached over TCP, octet
// for octet; http://HOST:PORT request by request. Routes of one name fail together: a node that has
// three PostgreSQL servers loses all of them at once.
//
// What a name does is told through the socket, with the path /NAME/MODE:
//
//	curl --unix-socket SOCKET -X PUT http://proxy/node1/cut
//	curl --unix-socket SOCKET http://proxy/
//
// Modes for all: pass, and cut: nothing comes through, in either direction, and nobody is told, as when
// a cable is pulled; what was sent meanwhile arrives after the next pass. Modes for HTTP: errors answers
// 500 and 503 in turn; half does so for every second request; after lets the server carry the request
// out and then answers 500; slow waits first, for two seconds or as long as ?delay=5s says.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"strings"
	"syscall"
)

func main() {
	log.SetFlags(log.LstdFlags | log.Lmicroseconds)
	control := flag.String("control", "", "`SOCKET` on which to be told what to do")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *control, flag.Args()); err != nil {
		log.Fatal(err)
	}
}

// run listens on all routes and on the control socket until the context ends.
func run(ctx context.Context, control string, specs []string) error {
	var faults faults
	var listeners []net.Listener
	for _, spec := range specs {
		l, err := listen(&faults, spec)
		if err != nil {
			return err
		}
		defer l.Close()
		listeners = append(listeners, l)
	}
	if err := os.Remove(control); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	l, err := net.Listen("unix", control)
	if err != nil {
		return err
	}
	defer l.Close()
	go http.Serve(l, &faults)
	log.Printf("%d routes", len(listeners))
	<-ctx.Done()
	return nil
}

// listen opens the route NAME,LISTEN,TARGET.
func listen(faults *faults, spec string) (net.Listener, error) {
	parts := strings.Split(spec, ",")
	if len(parts) != 3 {
		return nil, fmt.Errorf("proxy: a route is NAME,LISTEN,TARGET, not %q", spec)
	}
	l, err := net.Listen("tcp", parts[1])
	if err != nil {
		return nil, err
	}
	if strings.HasPrefix(parts[2], "http://") {
		target, err := url.Parse(parts[2])
		if err != nil {
			l.Close()
			return nil, err
		}
		go http.Serve(l, throughHTTP(faults.add(parts[0], true), target))
		return l, nil
	}
	go serveTCP(l, faults.add(parts[0], false), parts[2])
	return l, nil
}

// serveTCP leads each connection to the target.
func serveTCP(l net.Listener, f *fault, target string) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			f.wait()
			d, err := net.Dial("tcp", target)
			if err != nil {
				c.Close() // as the target's machine would say: nobody listens here
				return
			}
			go forward(d, c, f)
			forward(c, d, f)
		}()
	}
}

// forward copies one direction. Its end ends both: neither PostgreSQL nor its clients close one half.
func forward(to, from net.Conn, f *fault) {
	defer to.Close()
	defer from.Close()
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		f.wait()
		if _, failed := to.Write(buf[:n]); failed != nil || err != nil {
			if err != nil && err != io.EOF && !errors.Is(err, net.ErrClosed) {
				log.Printf("%s: %v", f.name, err)
			}
			return
		}
	}
}
