# Debian with its Python 3.11, made by debootstrap: what `make images` builds on where no registry of images can be
# reached. The context holds rootfs.tar; deploy/images/base makes both.
FROM scratch
ADD rootfs.tar /
