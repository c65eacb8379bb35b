// A WireGuard device in userspace, for kernels without WireGuard: a TUN link, and a unix socket that speaks the configuration protocol of
// https://www.wireguard.com/xplatform/#configuration-protocol. It ends when its link is deleted.
// usage: userspace-wireguard NAME MTU SOCKET
package main

import (
	"fmt"
	"net"
	"os"
	"strconv"

	"golang.zx2c4.com/wireguard/conn"
	"golang.zx2c4.com/wireguard/device"
	"golang.zx2c4.com/wireguard/tun"
)

func main() {
	if err := serve(os.Args[1], os.Args[2], os.Args[3]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func serve(name, mtu, socket string) error {
	bytes, err := strconv.Atoi(mtu)
	if err != nil {
		return err
	}
	link, err := tun.CreateTUN(name, bytes)
	if err != nil {
		return err
	}
	os.Remove(socket)
	listener, err := net.Listen("unix", socket)
	if err != nil {
		return err
	}
	wireguard := device.NewDevice(link, conn.NewDefaultBind(), device.NewLogger(device.LogLevelError, name+": "))
	go func() {
		for {
			peer, err := listener.Accept()
			if err != nil {
				return
			}
			go wireguard.IpcHandle(peer)
		}
	}()
	fmt.Println("ready")
	<-wireguard.Wait()
	return listener.Close()
}
