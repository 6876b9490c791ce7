<?php

declare(strict_types=1);

namespace PhpWorker;

/**
 * One uploaded file. The server has written it to {@see Upload::$tmpName} and
 * removes it after the response, unless it was moved.
 */
final class Upload
{
    private bool $moved = false;

    /**
     * @param string $name    the name the client gave: never a path of ours, never to be trusted
     * @param string $mime    the type the client gave; not checked by anybody
     * @param int    $size    bytes
     * @param int    $error   one of PHP's UPLOAD_ERR_* constants
     * @param string $tmpName where the file lies; empty after an error
     */
    public function __construct(
        public readonly string $name,
        public readonly string $mime,
        public readonly int $size,
        public readonly int $error,
        public readonly string $tmpName,
    ) {}

    /**
     * Whether the file has arrived whole.
     */
    public function ok(): bool
    {
        return $this->error === \UPLOAD_ERR_OK;
    }

    /**
     * Moves the file to $target, replacing a file that is there, with the
     * permissions a new file gets. Once only.
     *
     * @throws \RuntimeException when there is no file, or it cannot be moved
     */
    public function moveTo(string $target): void
    {
        if (!$this->ok()) {
            throw new \RuntimeException("the upload \"{$this->name}\" has failed (error {$this->error}): nothing to move");
        }
        if ($this->moved) {
            throw new \RuntimeException("the upload \"{$this->name}\" has been moved already");
        }
        if (!@\rename($this->tmpName, $target)) {
            throw new \RuntimeException("moving the upload \"{$this->name}\" to {$target}: " . (\error_get_last()['message'] ?? 'failed'));
        }
        $this->moved = true;
        // The server created it for its owner alone.
        @\chmod($target, 0666 & ~\umask());
    }

    /**
     * Turns the server's tree of uploads into the same tree of objects.
     *
     * @param array<array-key, mixed> $tree
     *
     * @return array<array-key, mixed> nested as the field names say; leaves are {@see Upload}
     *
     * @internal
     */
    public static function tree(array $tree): array
    {
        $files = [];
        foreach ($tree as $key => $node) {
            if (!\is_array($node)) {
                continue;
            }
            // The server sends "f[name]" as a name of its own, because other clients
            // would take the group "f" for a file.
            $at = &$files;
            foreach (\explode('[', \str_replace(']', '', (string) $key)) as $step) {
                $at = &$at[$step];
            }
            // A group may have fields called "tmpName": those hold arrays.
            $at = \is_string($node['tmpName'] ?? null)
                ? new self($node['name'] ?? '', $node['mime'] ?? '', $node['size'] ?? 0, $node['error'] ?? 0, $node['tmpName'])
                : self::tree($node);
            unset($at);
        }

        return $files;
    }
}
