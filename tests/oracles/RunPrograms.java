import java.lang.reflect.Method;

/** Runs the main methods of several classes at once, until it is ended. Arguments: their names. */
public class RunPrograms {
    public static void main(String[] classes) throws Exception {
        for (String name : classes) {
            Method main = Class.forName(name).getMethod("main", String[].class);
            new Thread(
                            () -> {
                                try {
                                    main.invoke(null, (Object) new String[0]);
                                } catch (ReflectiveOperationException failed) {
                                    failed.printStackTrace();
                                }
                            })
                    .start();
        }
        Thread.currentThread().join();
    }
}
