<?php

declare(strict_types=1);

namespace Frameworks;

// What a Symfony application may do that a worker must bear. Behind PHP-FPM the same file is the
// front controller, so that the answers of both can be compared.

use Symfony\Bundle\FrameworkBundle\FrameworkBundle;
use Symfony\Bundle\FrameworkBundle\HttpCache\HttpCache;
use Symfony\Bundle\FrameworkBundle\Kernel\MicroKernelTrait;
use Symfony\Component\DependencyInjection\Loader\Configurator\ContainerConfigurator;
use Symfony\Component\HttpFoundation\BinaryFileResponse;
use Symfony\Component\HttpFoundation\File\UploadedFile;
use Symfony\Component\HttpFoundation\JsonResponse;
use Symfony\Component\HttpFoundation\Request;
use Symfony\Component\HttpFoundation\RequestStack;
use Symfony\Component\HttpFoundation\Response;
use Symfony\Component\HttpFoundation\StreamedResponse;
use Symfony\Component\HttpKernel\Event\ExceptionEvent;
use Symfony\Component\HttpKernel\Kernel as BaseKernel;
use Symfony\Component\HttpKernel\KernelEvents;
use Symfony\Component\Routing\Loader\Configurator\RoutingConfigurator;
use Symfony\Component\Runtime\SymfonyRuntime;

require_once __DIR__ . '/../../../php/autoload.php';
require_once 'Symfony/Bundle/FrameworkBundle/autoload.php';
require_once 'Symfony/Component/Runtime/autoload.php';

/** Content of the response's own making. */
final class Countdown extends Response
{
    public function sendContent(): static
    {
        echo '3 2 1';

        return $this;
    }
}

final class Pages
{
    public function __construct(private readonly RequestStack $stack) {}

    public function files(Request $request): Response
    {
        $tell = static function (mixed $file) use (&$tell): mixed {
            return $file instanceof UploadedFile
                ? [$file->getClientOriginalName(), $file->getError(), $file->isValid()] : (\is_array($file) ? \array_map($tell, $file) : $file);
        };

        return new JsonResponse([$tell($request->files->all()), $request->request->all()]);
    }

    public function cookies(Request $request): Response
    {
        return new Response(\rawurlencode(\serialize($request->cookies->all())));
    }

    public function script(Request $request): Response
    {
        return new Response($request->server->get('SCRIPT_FILENAME') . ' ' . $request->server->get('DOCUMENT_ROOT'));
    }

    public function error(): Response
    {
        return \strlen();
    }

    public function problem(): Response
    {
        return \strlen();
    }

    public function main(): Response
    {
        return new Response($this->stack->getMainRequest()->getPathInfo() . ($this->stack->getParentRequest() === null ? '' : ' of another'));
    }

    public function stream(): Response
    {
        return new StreamedResponse(function (): void {
            echo $this->stack->getCurrentRequest()?->getPathInfo() ?? 'no request', $this->stack->getParentRequest() === null ? '' : ' of another';
        });
    }

    public function countdown(): Response
    {
        return new Countdown();
    }

    public function download(): Response
    {
        return new BinaryFileResponse(__FILE__, 200, ['Content-Type' => 'text/plain']);
    }

    public function bare(): Response
    {
        return new StreamedResponse(static function (): void {
            while (\ob_get_level() > 0) {
                \ob_end_clean();
            }
            echo 'one ';
            \flush();
            echo 'two';
        });
    }

    public function nested(): Response
    {
        return new StreamedResponse(static function (): void {
            \ob_start();
            echo 'one ';
            \ob_start();
            echo 'two';
        });
    }

    public function pid(): Response
    {
        return new Response((string) \getmypid());
    }

    public function exit(): Response
    {
        echo 'last words';
        exit;
    }

    public function deaf(): Response
    {
        return new StreamedResponse(static function (): void {
            $deaf = 0;
            for ($n = 0; $deaf < 100; $n++) {
                try {
                    echo "tick {$n}\n";
                    \usleep(1000);
                } catch (\Throwable) {
                    $deaf = 1;
                }
                $deaf === 0 || $deaf++;
            }
            \error_log('the deaf stream has ended');
        });
    }

    public function failed(ExceptionEvent $event): void
    {
        if ($event->getRequest()->getPathInfo() === '/problem') {
            $event->setResponse(new JsonResponse(['problem' => $event->getThrowable()::class]));
        }
    }
}

final class Kernel extends BaseKernel
{
    use MicroKernelTrait;

    public function registerBundles(): iterable
    {
        yield new FrameworkBundle();
    }

    public function getProjectDir(): string
    {
        return __DIR__;
    }

    public function getCacheDir(): string
    {
        return \getenv('APP_VAR') . '/' . \PHP_SAPI;
    }

    public function getLogDir(): string
    {
        return \getenv('APP_VAR') . '/log';
    }

    protected function configureContainer(ContainerConfigurator $container): void
    {
        $container->extension('framework', ['secret' => 'only for the tests', 'http_method_override' => false]);
        $container->services()->set(Pages::class)->public()->autowire()
            ->tag('controller.service_arguments')
            ->tag('kernel.event_listener', ['event' => KernelEvents::EXCEPTION, 'method' => 'failed']);
    }

    protected function configureRoutes(RoutingConfigurator $routes): void
    {
        foreach (['files', 'cookies', 'script', 'error', 'problem', 'main', 'stream', 'countdown', 'bare', 'nested', 'exit', 'pid', 'download', 'deaf'] as $name) {
            $routes->add($name, "/{$name}")->controller([Pages::class, $name]);
        }
    }
}

$class = \getenv('RR_RELAY') === false ? SymfonyRuntime::class : \PhpWorker\Symfony\Runtime::class;
$runtime = new $class(['project_dir' => __DIR__, 'disable_dotenv' => true, 'env' => 'prod', 'debug' => false]);
$kernel = new Kernel('prod', false);

exit($runtime->getRunner(\getenv('HTTP_CACHE') ? new HttpCache($kernel, \getenv('APP_VAR') . '/http') : $kernel)->run());
